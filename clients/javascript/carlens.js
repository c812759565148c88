// A client for Carlens, the API that finds the vehicles in photos. For browsers and Node.js 20.3 or
// later; it needs nothing but fetch. The types and their documentation are in carlens.d.ts.

/** @import { CallOptions, Entry, Features, Health, ItemError, Limits, Match } from "./carlens.js" */
/** @import { Models, Name, NormOptions, ObjectDetection, Picture, Pictures } from "./carlens.js" */
/** @import { NormCsvOptions } from "./carlens.js" */
/** @import { DetectionOptions, Measurement, Prediction, PredictionOptions } from "./carlens.js" */
/** @import { Redaction, RedactionOptions, Rows, Settings } from "./carlens.js" */

/** @typedef {{ name: string | null, size: number, blob?: Blob, url?: string }} Part */
/** @typedef {"form" | "upload" | "refused"} Way */
/** @typedef {{ way: Way, first: number, cost: number, parts: Part[] }} Batch */
/** @typedef {{ failure: ItemError }} Failed A picture without an entry in an answer. */
/** @typedef {{ limits: Limits, features: Features }} Server */
/** @typedef {{ url: string, fields: Record<string, string>, key: string }} UploadForm */
/** @typedef {import("./carlens.js").Carlens} Client */
/** @typedef {RequestInit & { query?: Query, signal?: AbortSignal }} Options */
/** @typedef {Record<string, string | number | readonly string[] | null | undefined>} Query */

export const VERSION = "0.1.0";

// For servers that do not tell.
const LIMITS = {
  picture_bytes: 20 * 1024 * 1024,
  picture_pixels: 50_000_000,
  pictures: 32,
  request_bytes: 4_500_000,
};
const FEATURES = { uploads: false, urls: true, anonymize: false, batch: false };

// The API accepts so many rows in a request, and so many answers: rows times top_k.
const MAX_ROWS = 10_000;
const MAX_ANSWERS = 40_000;
// What a part of a form takes besides its content and its name.
const PART_BYTES = 400;
// Forms for uploads are valid for five minutes, in which so many pictures can be sent.
const UPLOADS_AT_ONCE = 8;
// A picture came too late for the time or the room of its request.
const LATE = ["deadline_exceeded", "answer_too_large"];
const FIRST_PAUSE = 0.5;
// One picture may be the reason for these, so its request is repeated without the others.
const OF_ONE_PICTURE = [413, 500, 502, 504];

/** @type {Record<string, string>} */
const TYPES = {
  avif: "image/avif",
  bmp: "image/bmp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  png: "image/png",
  tif: "image/tiff",
  tiff: "image/tiff",
  webp: "image/webp",
};

export class CarlensError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class ConnectionFailed extends CarlensError {}

export class UnexpectedAnswer extends CarlensError {}

export class PictureFailed extends CarlensError {
  /**
   * @param {ItemError} error
   * @param {string | null} picture
   */
  constructor({ code, message }, picture) {
    super(picture ? `${picture}: ${message}` : message);
    this.code = code;
    this.picture = picture;
  }
}

export class ApiError extends CarlensError {
  /**
   * @param {number} status
   * @param {{ code?: string, message: string, request_id?: string }} details
   */
  constructor(status, { code = "", message, request_id = "" }) {
    super(`${message} (${`${status} ${code}`.trim()})`);
    this.status = status;
    this.code = code;
    this.requestId = request_id;
  }
}

/** @param {Entry} entry */
export function throwForError(entry) {
  if (entry.error) throw new PictureFailed(entry.error, entry.name);
}

/** @implements {Client} */
export class Carlens {
  #url;
  #settings;
  /** @type {Promise<Server> | null} */
  #server = null;

  /**
   * @param {string} url
   * @param {Settings} [settings]
   */
  constructor(url, settings = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#settings = { timeout: 120, retries: 4, maxWait: 30, concurrency: 4, ...settings };
  }

  /** @returns {Promise<Health>} */
  async health() {
    const response = await this.#send("GET", "/health");
    const document = await response.json().catch(() => null);
    if (!document?.status) throw await failure(response, document);
    return {
      ...document,
      limits: { ...LIMITS, ...document.limits },
      features: { ...FEATURES, ...document.features },
    };
  }

  /** @returns {Promise<Models>} */
  models() {
    return this.#json("GET", "/models");
  }

  /** @returns {Promise<Record<string, unknown>>} */
  contract() {
    return this.#json("GET", "/openapi.json");
  }

  /**
   * @param {Pictures} pictures
   * @param {PredictionOptions} [options]
   * @returns {Promise<Prediction[]>}
   */
  predict(pictures, options) {
    return collect(this.iterPredict(pictures, options));
  }

  /**
   * @param {Pictures} pictures
   * @param {PredictionOptions} [options]
   * @returns {AsyncGenerator<Prediction, void, undefined>}
   */
  iterPredict(pictures, options = {}) {
    return this.#stream("/predict", pictures, options);
  }

  /**
   * @param {Pictures} pictures
   * @param {DetectionOptions} [options]
   * @returns {Promise<ObjectDetection[]>}
   */
  objectDetection(pictures, options) {
    return collect(this.iterObjectDetection(pictures, options));
  }

  /**
   * @param {Pictures} pictures
   * @param {DetectionOptions} [options]
   * @returns {AsyncGenerator<ObjectDetection, void, undefined>}
   */
  iterObjectDetection(pictures, options = {}) {
    return this.#stream("/object_detection", pictures, options);
  }

  /**
   * @param {Pictures} pictures
   * @param {RedactionOptions} [options]
   * @returns {Promise<Redaction[]>}
   */
  anonymize(pictures, options) {
    return collect(this.iterAnonymize(pictures, options));
  }

  /**
   * @param {Pictures} pictures
   * @param {RedactionOptions} [options]
   * @returns {AsyncGenerator<Redaction, void, undefined>}
   */
  iterAnonymize(pictures, options = {}) {
    return this.#stream("/anonymize", pictures, options);
  }

  /**
   * @param {Pictures} pictures
   * @param {CallOptions} [options]
   * @returns {Promise<Measurement[]>}
   */
  shape(pictures, options = {}) {
    return collect(this.#stream("/shape", pictures, options));
  }

  /**
   * @param {Pictures} pictures
   * @param {CallOptions} [options]
   * @returns {Promise<Measurement[]>}
   */
  size(pictures, options = {}) {
    return collect(this.#stream("/size", pictures, options));
  }

  /** @returns {Promise<string[]>} */
  async tables() {
    return (await this.#json("GET", "/norm")).tables;
  }

  /**
   * @param {string} make
   * @param {string} [model]
   * @param {NormOptions} [options]
   * @returns {Promise<Match>}
   */
  norm(make, model = "", { table = "europe", top_k } = {}) {
    return this.#json("GET", tablePath(table), { query: { make, model, top_k } });
  }

  /**
   * @param {Rows} rows
   * @param {NormOptions} [options]
   * @returns {Promise<Match[]>}
   */
  async normRows(rows, { table = "europe", top_k = 1 } = {}) {
    const most = Math.min(MAX_ROWS, Math.floor(MAX_ANSWERS / top_k));
    /** @type {Match[]} */
    const matches = [];
    for (const chunk of chunksOf(rows, most)) {
      const found = await this.#json("POST", tablePath(table), {
        query: { top_k },
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(chunk),
      });
      matches.push(...oneForEach(found, chunk.length, "row"));
    }
    return matches;
  }

  /**
   * @param {string | Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>} file
   * @param {NormCsvOptions} [options]
   * @returns {Promise<string>}
   */
  async normCsv(file, { table = "europe", top_k, detailed = false } = {}) {
    const headers = { "Content-Type": "text/csv" };
    const query = { top_k, format: detailed ? "detailed" : undefined };
    const options = { query, headers, body: file };
    const response = await this.#send("POST", tablePath(table), options);
    if (!response.ok) throw await failure(response);
    return response.text();
  }

  /**
   * @param {string} make
   * @param {string} [model]
   * @returns {Promise<Name>}
   */
  clean(make, model = "") {
    return this.#json("GET", "/clean", { query: { make, model } });
  }

  /**
   * Send pictures in as many requests as it takes, some at a time.
   *
   * @param {string} path
   * @param {Pictures} pictures
   * @param {PredictionOptions | RedactionOptions} options
   * @returns {AsyncGenerator<any, void, undefined>}
   */
  async *#stream(path, pictures, { signal, ...query }) {
    const stopping = new AbortController();
    const call = {
      path,
      query: { format: "detailed", ...query },
      signal: signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal,
    };
    /** @type {Promise<Entry[]>[]} */
    const running = [];
    try {
      const server = await this.#limits();
      for await (const batch of batches(pictures, server, this.#settings.picturesPerRequest)) {
        if (running.length === this.#settings.concurrency) yield* await nextOf(running);
        const request = this.#request(batch, server, call);
        // A failure is thrown when its turn comes, and must not be reported as unhandled before.
        request.catch(() => {});
        running.push(request);
      }
      while (running.length) yield* await nextOf(running);
    } finally {
      stopping.abort();
    }
  }

  /** Ask for the limits of the server, once. */
  #limits() {
    this.#server ??= this.health().catch((error) => {
      this.#server = null;
      throw error;
    });
    return this.#server;
  }

  /**
   * @param {Batch} batch
   * @param {Server} server
   * @param {{ path: string, query: Query, signal: AbortSignal }} call
   * @returns {Promise<Entry[]>}
   */
  async #request({ way, first, parts }, server, { path, ...call }) {
    /** @type {(Entry | Failed)[]} */
    let found;
    if (way === "refused") found = parts.map((part) => tooLarge(part, server));
    else if (way === "upload") found = await this.#recognizeUploads(path, parts, call);
    else found = await this.#recognize(path, parts, (some) => ({ ...call, body: formOf(some) }));
    return found.map((entry, n) => ({
      ...("failure" in entry ? failedEntry(path, parts[n], entry) : entry),
      index: first + n,
    }));
  }

  /**
   * Upload pictures, and return their entries.
   *
   * @param {string} path
   * @param {Part[]} parts
   * @param {{ query: Query, signal: AbortSignal }} call
   * @returns {Promise<(Entry | Failed)[]>}
   */
  async #recognizeUploads(path, parts, call) {
    const found = await this.#upload(parts, call.signal);
    const stored = found.filter((item) => !("failure" in item));
    if (!stored.length) return /** @type {Failed[]} */ (found);
    const options = (/** @type {unknown[]} */ some) => ({ ...call, ...jsonOf(some) });
    const entries = (await this.#recognize(path, stored, options)).values();
    return found.map((item, n) => {
      if ("failure" in item) return item;
      // A picture without a name is named after its key, which is a secret.
      return { .../** @type {Entry | Failed} */ (entries.next().value), name: parts[n].name };
    });
  }

  /**
   * Return the entries of pictures, if necessary in several requests.
   *
   * @template T
   * @param {string} path
   * @param {T[]} items
   * @param {(items: T[]) => Options} options
   * @returns {Promise<(Entry | Failed)[]>}
   */
  async #recognize(path, items, options) {
    // A request of several pictures that took too long is not repeated, but split.
    const retried = items.length > 1 ? [429, 503] : [429, 503, 504];
    const response = await this.#send("POST", path, options(items), retried);
    if (OF_ONE_PICTURE.includes(response.status)) {
      if (items.length === 1) return [{ failure: failureOf(await failure(response)) }];
      const middle = Math.floor(items.length / 2);
      const first = await this.#recognize(path, items.slice(0, middle), options);
      return [...first, ...(await this.#recognize(path, items.slice(middle), options))];
    }
    /** @type {(Entry | Failed)[]} */
    const entries = oneForEach((await parsed(response))?.images, items.length, "picture");
    const late = [...entries.keys()].filter((n) => isLate(entries[n]));
    if (late.length && late.length < items.length) {
      const missed = late.map((n) => items[n]);
      const again = await this.#recognize(path, missed, options);
      for (const [n, entry] of again.entries()) entries[late[n]] = entry;
    }
    return entries;
  }

  /**
   * Upload pictures, and return them as items of a request.
   *
   * @param {Part[]} parts
   * @param {AbortSignal} signal
   * @returns {Promise<({ key: string, name?: string } | Failed)[]>}
   */
  async #upload(parts, signal) {
    const forms = await this.#forms(parts.length, signal);
    const items = [];
    for (const [n, part] of parts.entries()) {
      let form = forms[n];
      let response = await this.#store(part, form, signal);
      if (response.status === 403) {
        // The form may have expired while others were uploaded.
        [form] = await this.#forms(1, signal);
        response = await this.#store(part, form, signal);
      }
      const answer = await response.text();
      if (response.ok) items.push({ key: form.key, ...(part.name ? { name: part.name } : {}) });
      else items.push({ failure: uploadFailure(response.status, answer) });
    }
    return items;
  }

  /**
   * @param {number} count
   * @param {AbortSignal} signal
   * @returns {Promise<UploadForm[]>}
   */
  async #forms(count, signal) {
    const headers = { "Content-Type": "application/json" };
    const options = { headers, body: JSON.stringify({ count }), signal };
    const answer = await this.#json("POST", "/uploads", options);
    return oneForEach(answer?.uploads, count, "upload");
  }

  /**
   * Send a picture to the store, without the API key.
   *
   * @param {Part} part
   * @param {UploadForm} form
   * @param {AbortSignal} signal
   */
  #store(part, { url, fields }, signal) {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    const named = Object.keys(fields).some((name) => name.toLowerCase() === "content-type");
    if (!named) body.append("Content-Type", typeOf(part));
    body.append("file", /** @type {Blob} */ (part.blob), part.name ?? "picture");
    return this.#exchange(url, { method: "POST", body, signal });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async #json(method, path, options) {
    return parsed(await this.#send(method, path, options));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @param {number[]} [retried]
   */
  #send(method, path, { query = {}, ...options } = {}, retried = undefined) {
    const { apiKey, authorize } = this.#settings;
    const headers = { ...options.headers, ...(apiKey ? { "x-api-key": apiKey } : {}) };
    const given = Object.entries(query).filter(([, value]) => value != null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const url = `${this.#url}${path}${search.size ? `?${search}` : ""}`;
    return this.#exchange(url, { ...options, method, headers }, retried, authorize);
  }

  /**
   * Send a request, again if it fails in a way that may pass.
   *
   * @param {string} url
   * @param {RequestInit} request
   * @param {number[]} [retried] The statuses after which it is sent again.
   * @param {Settings["authorize"]} [authorize]
   * @returns {Promise<Response>}
   */
  async #exchange(url, request, retried = [429, 503, 504], authorize = undefined) {
    const { retries, maxWait } = this.#settings;
    for (let attempt = 0; ; attempt++) {
      const { response, error } = await this.#attempt(url, request, authorize);
      const isLast = attempt === retries;
      if (response && (isLast || !retried.includes(response.status) || (await isFinal(response))))
        return response;
      if (isLast) {
        throw new ConnectionFailed(`${url} could not be reached: ${reasonOf(error)}`, {
          cause: error,
        });
      }
      const asked = retryAfter(response?.headers.get("Retry-After") ?? "", Date.now());
      await sleep(Math.min(asked ?? pause(attempt), maxWait), request.signal);
    }
  }

  /**
   * @param {string} url
   * @param {RequestInit} request
   * @param {Settings["authorize"]} authorize
   * @returns {Promise<{ response?: Response, error?: unknown }>}
   */
  async #attempt(url, request, authorize) {
    const { timeout, fetch = globalThis.fetch } = this.#settings;
    const limit = AbortSignal.timeout(timeout * 1000);
    const signal = request.signal ? AbortSignal.any([request.signal, limit]) : limit;
    const sent = { ...request, signal };
    const authorized = await authorize?.(new Request(url, sent));
    try {
      return { response: await (authorized ? fetch(authorized) : fetch(url, sent)) };
    } catch (error) {
      if (request.signal?.aborted) throw error;
      return { error };
    }
  }
}

// Pictures and requests ---------------------------------------------------------------------

/**
 * Split pictures into requests, in order.
 *
 * @param {Pictures} pictures
 * @param {Server} server
 * @param {number | undefined} most The most pictures in a request.
 * @returns {AsyncGenerator<Batch, void, undefined>}
 */
async function* batches(pictures, { limits, features }, most = limits.pictures) {
  const count = Math.min(limits.pictures, most);
  /** @type {Batch | null} */
  let batch = null;
  let first = 0;
  for await (const picture of oneOrMany(pictures)) {
    const part = partOf(picture);
    const way = wayOf(part, limits, features);
    if (batch && !fits(batch, part, way, count, limits)) {
      yield batch;
      first += batch.parts.length;
      batch = null;
    }
    batch ??= { way, first, cost: 0, parts: [] };
    batch.parts.push(part);
    batch.cost += costOf(part);
  }
  if (batch) yield batch;
}

/**
 * @param {Batch} batch
 * @param {Part} part
 * @param {Way} way
 * @param {number} count
 * @param {Limits} limits
 */
function fits(batch, part, way, count, limits) {
  if (batch.way !== way) return false;
  if (way === "upload") return batch.parts.length < Math.min(count, UPLOADS_AT_ONCE);
  const hasRoom = way === "refused" || batch.cost + costOf(part) <= limits.request_bytes;
  return hasRoom && batch.parts.length < count;
}

/**
 * @param {Part} part
 * @param {Limits} limits
 * @param {Features} features
 * @returns {Way}
 */
function wayOf(part, limits, features) {
  if (costOf(part) <= limits.request_bytes) return "form";
  return features.uploads && part.size <= limits.picture_bytes ? "upload" : "refused";
}

/**
 * Return the bytes that a picture takes in a form; an estimate that is never too low.
 *
 * @param {Part} part
 */
const costOf = ({ size, name }) => size + 3 * bytesOf(name ?? "") + PART_BYTES;

/** @param {string} text */
const bytesOf = (text) => new TextEncoder().encode(text).length;

/**
 * @param {Pictures} pictures
 * @returns {Iterable<Picture> | AsyncIterable<Picture>}
 */
function oneOrMany(pictures) {
  const isOne = typeof pictures === "string" || pictures instanceof URL || isContent(pictures);
  return isOne ? [pictures] : pictures;
}

/**
 * @param {unknown} value
 * @returns {value is Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer>}
 */
const isContent = (value) =>
  value instanceof Blob || value instanceof ArrayBuffer || ArrayBuffer.isView(value);

/**
 * @param {Picture} picture
 * @returns {Part}
 */
function partOf(picture) {
  if (isContent(picture)) {
    const blob = picture instanceof Blob ? picture : new Blob([picture]);
    return { name: blob instanceof File ? blob.name : null, size: blob.size, blob };
  }
  const url = String(picture);
  if (!/^https?:\/\//i.test(url))
    throw new TypeError(`${url.slice(0, 200)} is neither an http or https URL nor a picture.`);
  return { name: null, size: bytesOf(url), url };
}

/** @param {Part} part */
function typeOf({ name, blob }) {
  if (blob?.type.startsWith("image/")) return blob.type;
  return TYPES[/\.(\w+)$/.exec(name ?? "")?.[1].toLowerCase() ?? ""] ?? "image/jpeg";
}

/** @param {Part[]} parts */
function formOf(parts) {
  const form = new FormData();
  for (const { name, blob, url } of parts) {
    if (blob) form.append("image", blob, name ?? "blob");
    else form.append("url", url ?? "");
  }
  return form;
}

/** @param {unknown[]} images */
const jsonOf = (images) => ({
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ images }),
});

/**
 * Return why a picture is not sent.
 *
 * @param {Part} part
 * @param {Server} server
 * @returns {Failed}
 */
function tooLarge({ size }, { limits, features }) {
  const most = features.uploads ? limits.picture_bytes : limits.request_bytes;
  const advice = features.uploads
    ? "Scale it down."
    : "This server does not accept uploads; scale it down, or send its URL.";
  const message = `The picture has ${number(size)} bytes, and the server accepts about ${number(most)}. ${advice}`;
  return { failure: { code: "picture_too_large", message } };
}

/**
 * Return why a picture failed whose own request failed.
 *
 * @param {ApiError} error
 * @returns {ItemError}
 */
function failureOf({ status, code, message }) {
  if (status === 413) return { code: "picture_too_large", message };
  return { code: code || (status === 504 ? "timeout" : "internal_error"), message };
}

/**
 * Return why the store of uploads refused a picture; only clients give this error.
 *
 * @param {number} status
 * @param {string} answer
 * @returns {ItemError}
 */
function uploadFailure(status, answer) {
  const reason = /<Code>(\w+)<\/Code>/.exec(answer)?.[1] ?? "";
  const code =
    reason === "EntityTooLarge" || status === 413 ? "picture_too_large" : "upload_failed";
  return { code, message: `The picture could not be uploaded: ${`${status} ${reason}`.trim()}.` };
}

/**
 * Return the entry of a picture that failed, as the server would write it.
 *
 * @param {string} path
 * @param {Part} part
 * @param {Failed} failed
 * @returns {Entry}
 */
function failedEntry(path, { name, size, url }, { failure: error }) {
  const own = {
    "/shape": { channels: null, bytes: size },
    "/size": { channels: null, bytes: size },
    "/anonymize": { regions: null, media_type: null, picture: null, picture_url: null },
  }[path];
  return {
    index: 0,
    field: url ? "url" : "image",
    name: url ? url.split("?")[0] : name,
    width: null,
    height: null,
    ...(own ?? { passes: null, objects: [] }),
    error,
  };
}

/** @param {number} value */
const number = (value) => value.toLocaleString("en");

/** @param {Entry | Failed} entry */
const isLate = (entry) => entry && "error" in entry && LATE.includes(entry.error?.code ?? "");

/** @param {string} table */
const tablePath = (table) => `/norm/${encodeURIComponent(table)}`;

/**
 * Split rows by number and by bytes.
 *
 * @param {Rows} rows
 * @param {number} most
 */
function* chunksOf(rows, most) {
  let chunk = [];
  let bytes = 0;
  for (const row of rows) {
    const added = bytesOf(JSON.stringify(row)) + 1;
    if (chunk.length === most || (chunk.length && bytes + added >= LIMITS.request_bytes)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(row);
    bytes += added;
  }
  if (chunk.length) yield chunk;
}

// Answers and errors ------------------------------------------------------------------------

/**
 * @template T
 * @param {AsyncIterable<T>} answers
 */
async function collect(answers) {
  const all = [];
  for await (const answer of answers) all.push(answer);
  return all;
}

/**
 * @template T
 * @param {Promise<T>[]} running
 */
const nextOf = (running) => /** @type {Promise<T>} */ (running.shift());

/**
 * Check that an answer is a list with an item for each that was sent.
 *
 * @param {unknown} answer
 * @param {number} count
 * @param {string} what
 */
function oneForEach(answer, count, what) {
  if (Array.isArray(answer) && answer.length === count) return answer;
  throw new UnexpectedAnswer(`The answer does not have an entry for each of ${count} ${what}s.`);
}

/** @param {Response} response */
async function parsed(response) {
  if (!response.ok) throw await failure(response);
  return response.json().catch((cause) => {
    throw new UnexpectedAnswer(`The answer of ${response.url} is not JSON.`, { cause });
  });
}

/**
 * Return the error that a response describes.
 *
 * @param {Response} response
 * @param {any} [document] Its JSON, if it has been read.
 */
async function failure(response, document = undefined) {
  const text = document === undefined ? await response.text() : "";
  const details = (document ?? objectOf(text)).error;
  const request_id = response.headers.get("X-Request-Id") ?? "";
  const shown = text.slice(0, 300) || response.statusText || "The request failed.";
  return new ApiError(response.status, { message: shown, request_id, ...details });
}

/**
 * @param {string} text
 * @returns {any} Its JSON; an empty object if it is none.
 */
function objectOf(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * Return whether it is no use, or not wanted, to send the request again.
 *
 * @param {Response} response
 */
async function isFinal(response) {
  const document = objectOf(await response.clone().text());
  return "status" in document || document.error?.code === "quota_exceeded";
}

/**
 * Read a Retry-After header.
 *
 * @param {string} header Seconds, or an HTTP date.
 * @param {number} now In milliseconds since the epoch.
 * @returns {number | null} The seconds to wait; null if the header has neither.
 */
function retryAfter(header, now) {
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, (date - now) / 1000);
}

/**
 * Return a pause in seconds, random so that clients that failed together do not come back together.
 *
 * @param {number} attempt
 */
const pause = (attempt) => FIRST_PAUSE * 2 ** attempt * (0.5 + Math.random() / 2);

/**
 * @param {number} seconds
 * @param {AbortSignal | null} [signal]
 */
async function sleep(seconds, signal) {
  signal?.throwIfAborted();
  await new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** @param {any} error */
const reasonOf = (error) => error?.cause?.message || error?.message || String(error);
