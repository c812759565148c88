// Uploading photos that are too large for one request, each with a form that the API gives out.

/** @import { Part, UploadForm } from "./types" */
import { ApiError, apiFetch, parseAnswer } from "./client.js";
import { $, make, sum } from "./dom.js";
import { t } from "./i18n.js";
import { announce } from "./status.js";
import { post, showProgress } from "./transfer.js";

const AT_ONCE = 3;
// Forms are valid for five minutes, in which so many photos can be uploaded.
const FORMS_AT_ONCE = 8;

/** @typedef {Part & { blob: Blob }} FilePart */

/**
 * Upload the photos that are files.
 *
 * @param {Part[]} parts
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>} The body of a request that names all photos, in order.
 */
export async function uploadAll(parts, signal) {
  const files = /** @type {FilePart[]} */ (parts.filter((part) => part.blob));
  announce(() => t("Uploading…"));
  const bars = files.map(progressBar);
  const total = sum(files.map(({ blob }) => blob.size));
  /** @type {string[]} */
  const keys = [];
  try {
    for (let first = 0; first < files.length; first += FORMS_AT_ONCE) {
      const some = files.slice(first, first + FORMS_AT_ONCE);
      const forms = await askForForms(some.length, signal);
      await inParallel(some, ({ blob }, i) =>
        sendForm(forms[i], blob, signal, (sent) => {
          bars[first + i].value = sent;
          showProgress(sum(bars.map(({ value }) => value)), total);
        }),
      );
      keys.push(...forms.map(({ key }) => key));
    }
  } finally {
    for (const bar of bars) bar.remove();
  }
  const images = parts.map(({ photo, blob }) =>
    blob ? { key: keys.shift(), name: photo.name } : { url: photo.source },
  );
  return json({ images });
}

/** @param {unknown} value */
const json = (value) => new Blob([JSON.stringify(value)], { type: "application/json" });

/**
 * @param {number} count
 * @param {AbortSignal} signal
 * @returns {Promise<UploadForm[]>}
 */
async function askForForms(count, signal) {
  const response = await apiFetch("uploads", { method: "POST", body: json({ count }), signal });
  const text = await response.text();
  return parseAnswer(response.status, text, (value) => value?.uploads?.length === count).uploads;
}

/**
 * Do work on each item, for a few at a time. The first failure ends it.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T, index: number) => Promise<void>} work
 */
async function inParallel(items, work) {
  const waiting = [...items.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await work(next[1], next[0]);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    waiting.length = 0;
  }
}

/** @param {FilePart} part */
function progressBar({ photo, blob }) {
  const label = t("Upload of {name}", { name: photo.name });
  const bar = make("progress.upload", { "aria-label": label, value: 0, max: blob.size });
  $("tray").querySelector(`[data-id="${photo.id}"]`)?.append(bar);
  return bar;
}

/**
 * Send one photo.
 *
 * @param {UploadForm} form
 * @param {Blob} blob
 * @param {AbortSignal} signal
 * @param {(sent: number) => void} onprogress Called with the bytes that are sent.
 */
async function sendForm({ url, fields }, blob, signal, onprogress) {
  const form = new FormData();
  // A browser that does not know a format gives its files no type; the bytes decide anyway.
  const type = blob.type.startsWith("image/") ? blob.type : "image/jpeg";
  for (const [name, value] of Object.entries({ "Content-Type": type, ...fields })) {
    form.append(name, value);
  }
  form.append("file", blob);
  const { status, text } = await post(url, form, signal, {
    // The form is a little larger than the photo.
    onprogress: ({ loaded }) => onprogress(Math.min(loaded, blob.size)),
  });
  if (status >= 300) throw refusal(status, text);
}

/**
 * @param {number} status
 * @param {string} text
 */
function refusal(status, text) {
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "";
  return new ApiError("The upload was refused ({code}). Send the photos again.", {
    status,
    values: { code: code || status },
  });
}
