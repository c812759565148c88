// The JavaScript client against a server without a network; test_javascript_client.py runs it.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as module from "../../../clients/javascript/carlens.js";

const { ApiError, Carlens, ConnectionFailed, PictureFailed, UnexpectedAnswer } = module;

const API = "https://api.test/dev";
const STORE = "https://store.test/bucket";
const HEALTH = { status: "ok", version: "9.9.9", models: { detector: "d", classifier: null } };
const UPLOADS = {
  ...HEALTH,
  limits: { picture_bytes: 5000, picture_pixels: 9, pictures: 3, request_bytes: 3000 },
  features: { uploads: true, urls: true, anonymize: false, batch: false },
};
const LARGE = "L".repeat(4000);

/** @param {string} content */
const blob = (content, name = "") => (name ? new File([content], name) : new Blob([content]));

const json = (body, status = 200, headers = {}) => Response.json(body, { status, headers });

const error = (status, code, headers = {}) =>
  json({ error: { code, message: `It is ${code}.`, request_id: "r-1" } }, status, headers);

/** Answers as the API does, and records what it was sent. */
class FakeServer {
  /**
   * @param {object} [options] `first` has answers or errors for the first requests with pictures or
   *   rows, or to the store; `late` gets the number of pictures in a request, and returns how many
   *   of them are too late.
   */
  constructor({ health = HEALTH, first = [], late = () => 0 } = {}) {
    Object.assign(this, { health, first, late, requests: [], stored: {}, keys: 0 });
  }

  client(settings = {}) {
    const fetch = (url, init) => this.answer(new URL(url), init);
    return new Carlens(`${API}/`, { maxWait: 0, fetch, ...settings });
  }

  async answer(url, init) {
    init.signal.throwIfAborted();
    this.requests.push({ url, ...init });
    if (url.pathname === "/dev/health") return json(this.health);
    if (url.pathname === "/dev/uploads") return this.forms(JSON.parse(init.body).count);
    if (this.first.length) {
      const answer = this.first.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    }
    return url.href === STORE ? this.store(init.body) : this.pictures(init.body);
  }

  sent(path) {
    return this.requests.filter(({ url }) => url.pathname === path);
  }

  async seen(path = "/dev/predict") {
    const seen = await Promise.all(this.sent(path).map(({ body }) => read(body)));
    return seen.map((pictures) => pictures.map(({ label }) => label));
  }

  forms(count) {
    const uploads = Array.from({ length: count }, () => {
      const key = `uploads/${this.keys++}`;
      return { url: STORE, fields: { key, policy: "p" }, key, expires: "2026-11-28T18:00:00Z" };
    });
    return json({ uploads });
  }

  async store(body) {
    const names = [...body.keys()];
    assert.equal(names.at(-1), "file");
    assert.ok(names.includes("Content-Type"));
    this.stored[body.get("key")] = await body.get("file").text();
    return new Response(null, { status: 204 });
  }

  async pictures(body) {
    const images = (await read(body)).map(({ label, name }, index) => ({
      ...{ index, field: "image", name, width: 5, height: 6, channels: 3, bytes: 7, error: null },
      ...{ objects: [{ label }], future: 1 },
    }));
    const late = { objects: [], error: { code: "deadline_exceeded", message: "late" } };
    for (const each of images.slice(images.length - this.late(images.length)))
      Object.assign(each, late);
    return json({ images });
  }
}

/** Return what stands for each picture, its content, URL or key, and its name. */
async function read(body) {
  if (typeof body === "string")
    return JSON.parse(body).images.map(({ key, name = key }) => ({ label: key, name }));
  return Promise.all(
    [...body.values()].map(async (value) =>
      typeof value === "string"
        ? { label: value, name: null }
        : { label: await value.text(), name: value.name === "blob" ? null : value.name },
    ),
  );
}

const labels = (answers) => answers.map(({ objects }) => objects[0].label);

// Pictures -----------------------------------------------------------------------------------

test("pictures of every kind are sent in order", async () => {
  const server = new FakeServer();
  const bytes = new TextEncoder().encode("view");

  const answers = await server
    .client()
    .predict([
      blob("file", "ö.heic"),
      blob("blob"),
      "https://e.test/x.jpg?a=b",
      new URL("http://e.test/y.jpg"),
      bytes,
      bytes.buffer,
    ]);

  assert.deepEqual(labels(answers), [
    ...["file", "blob", "https://e.test/x.jpg?a=b", "http://e.test/y.jpg", "view", "view"],
  ]);
  assert.deepEqual(
    answers.map(({ name }) => name),
    ["ö.heic", null, null, null, null, null],
  );
  assert.deepEqual(
    answers.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5],
  );
  assert.equal(server.sent("/dev/predict").length, 1);
  assert.equal(answers[0].future, 1);
});

test("a single picture needs no list, and no picture makes no request", async () => {
  const server = new FakeServer();

  assert.deepEqual(labels(await server.client().predict(blob("one"))), ["one"]);
  assert.deepEqual(labels(await server.client().predict("https://e.test/x")), ["https://e.test/x"]);
  assert.deepEqual(await server.client().predict([]), []);
  assert.equal(server.sent("/dev/predict").length, 2);
});

test("what is not a picture is an error", async () => {
  await assert.rejects(new FakeServer().client().predict("street.jpg"), TypeError);
});

test("options and the key are sent", async () => {
  const server = new FakeServer();
  const options = { classes: ["car", "bus"], top_k: 2, confidence: null };

  await server.client({ apiKey: "secret" }).predict(blob("one"), options);

  const [{ url }] = server.sent("/dev/predict");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    ...{ format: "detailed", classes: "car,bus", top_k: "2" },
  });
  assert.ok(server.requests.every(({ headers }) => headers["x-api-key"] === "secret"));
});

test("each try is authorized anew, and only for the API", async () => {
  // Given an API that takes uploads and is busy once
  const server = new FakeServer({ health: UPLOADS });
  let tokens = 0;
  const authorize = (request) => {
    request.headers.set("Authorization", `Bearer ${tokens++}`);
    return request;
  };
  const sent = [];
  const fetch = async (request, init) => {
    if (!(request instanceof Request)) {
      sent.push([request, new Headers(init.headers).get("Authorization")]);
      return server.answer(new URL(request), init);
    }
    sent.push([request.url, request.headers.get("Authorization")]);
    const path = new URL(request.url).pathname;
    if (path === "/dev/predict" && sent.filter(([url]) => url.includes(path)).length === 1)
      return error(503, "unavailable");
    const body = request.body ? await request.text() : undefined;
    return server.answer(new URL(request.url), { ...request, signal: request.signal, body });
  };

  const [answer] = await server.client({ authorize, fetch }).predict(blob(LARGE));

  // Then no token is sent twice, and the store gets none
  assert.equal(answer.objects[0].label, "uploads/0");
  const toApi = sent.filter(([url]) => url !== STORE).map(([, token]) => token);
  assert.deepEqual(toApi, ["Bearer 0", "Bearer 1", "Bearer 2", "Bearer 3"]);
  assert.deepEqual(
    sent.filter(([url]) => url === STORE),
    [[STORE, null]],
  );
});

test("a request that cannot be authorized is not sent again", async () => {
  const server = new FakeServer();
  const authorize = () => {
    throw new RangeError("signed out");
  };

  await assert.rejects(server.client({ authorize }).models(), RangeError);
  assert.equal(server.requests.length, 0);
});

test("pictures are measured, and objects detected", async () => {
  const server = new FakeServer();
  const client = server.client();

  assert.equal((await client.shape(blob("one")))[0].channels, 3);
  assert.equal((await client.size(blob("one")))[0].bytes, 7);
  assert.equal((await client.objectDetection(blob("one")))[0].objects[0].label, "one");
  for (const path of ["shape", "size", "object_detection"])
    assert.equal(server.sent(`/dev/${path}`).length, 1);
  assert.equal(server.sent("/dev/health").length, 1);
});

test("a picture that failed can throw its error", async () => {
  const server = new FakeServer({ late: (count) => count });

  const [answer] = await server.client().predict(blob("one", "a.jpg"));

  assert.throws(() => module.throwForError(answer), { name: "PictureFailed", message: /a\.jpg/ });
  assert.throws(() => module.throwForError(answer), PictureFailed);
});

test("limits and features are those of the server, or the usual ones", async () => {
  const old = await new FakeServer().client().health();
  const current = await new FakeServer({ health: UPLOADS }).client().health();

  assert.equal(old.limits.request_bytes, 4_500_000);
  assert.equal(old.features.uploads, false);
  assert.equal(current.limits.request_bytes, 3000);
  assert.equal(current.features.uploads, true);
});

// Splitting ----------------------------------------------------------------------------------

test("requests are split by count and bytes", async () => {
  // Given a limit of three pictures and 3,000 bytes
  const server = new FakeServer({ health: { ...UPLOADS, features: {} } });
  const contents = [..."0123456", "a".repeat(1500), "b".repeat(1500), "c"];

  const answers = await server.client().predict(contents.map((each) => blob(each)));

  assert.deepEqual(labels(answers), contents);
  assert.deepEqual(
    answers.map(({ index }) => index),
    [...contents.keys()],
  );
  const counts = (await server.seen()).map(({ length }) => length);
  assert.deepEqual(counts, [3, 3, 2, 2]);
});

test("pictures are taken from a generator as they are needed", async () => {
  const taken = [];
  async function* pictures() {
    for (let n = 0; n < 1000; n++) {
      taken.push(n);
      yield blob(`${n}`);
    }
  }
  const client = new FakeServer().client({ picturesPerRequest: 2, concurrency: 3 });

  const answers = client.iterPredict(pictures());
  assert.deepEqual(taken, []);
  const { value } = await answers.next();
  await answers.return();

  assert.equal(value.objects[0].label, "0");
  assert.ok(taken.length <= 2 * 4 + 1, `${taken.length} were taken`);
});

test("a picture that is too large fails alone", async () => {
  const server = new FakeServer({ health: { ...UPLOADS, features: { uploads: false } } });
  const pictures = [blob("a"), blob(LARGE, "large.jpg"), blob("c")];

  const answers = await server.client().predict(pictures);
  const [measured] = await server.client().size(blob(LARGE));

  assert.deepEqual(
    answers.map(({ error }) => error?.code),
    [undefined, "picture_too_large", undefined],
  );
  assert.equal(answers[1].name, "large.jpg");
  assert.match(answers[1].error.message, /4,000 bytes.*does not accept uploads/);
  assert.deepEqual([answers[1].objects, measured.bytes], [[], 4000]);
});

test("a request that takes too long, or is too large, is split", async () => {
  for (const [status, code] of [
    [504, "timeout"],
    [413, "payload_too_large"],
  ]) {
    const server = new FakeServer({ first: [error(status, code)] });

    const answers = await server.client().predict([blob("a"), blob("b"), blob("c")]);

    assert.deepEqual(labels(answers), ["a", "b", "c"]);
    assert.deepEqual(await server.seen(), [["a", "b", "c"], ["a"], ["b", "c"]]);
  }
});

test("a picture whose own request fails does not end the stream", async () => {
  for (const [status, body, code] of [
    [413, "<html>nginx", "picture_too_large"],
    [500, '{"error":{"code":"internal_error","message":"no"}}', "internal_error"],
    [502, "<html>", "internal_error"],
    [504, "<html>", "timeout"],
  ]) {
    // Given a server that fails whenever one picture is in a request
    const server = new FakeServer();
    const fetch = async (url, init) => {
      const isBad = init.body && (await new Response(init.body).text()).includes("bad");
      return isBad ? new Response(body, { status }) : server.answer(new URL(url), init);
    };
    const client = server.client({ fetch, retries: 1, picturesPerRequest: 3 });

    // When
    const pictures = [blob("a"), blob("bad", "bad.jpg"), blob("c"), blob("d")];
    const answers = await client.predict(pictures);
    const [measured] = await client.size(blob("bad"));
    const [fetched] = await client.predict("https://e.test/bad.jpg?a=b");

    // Then it has an error, and the others are answered
    assert.deepEqual(
      answers.map(({ index, error }) => [index, error?.code]),
      [
        [0, undefined],
        [1, code],
        [2, undefined],
        [3, undefined],
      ],
    );
    assert.match(answers[1].error.message, new RegExp(`${status}`));
    assert.deepEqual([answers[1].name, answers[1].objects], ["bad.jpg", []]);
    assert.deepEqual([measured.bytes, measured.error.code], [3, code]);
    assert.deepEqual([fetched.field, fetched.name], ["url", "https://e.test/bad.jpg"]);
  }
});

test("pictures that were too late are sent again", async () => {
  // Given a server that has time for two pictures
  const server = new FakeServer({ late: (count) => Math.max(0, count - 2) });

  const answers = await server.client().predict([..."abcde"].map((each) => blob(each)));

  assert.deepEqual(labels(answers), [..."abcde"]);
  assert.deepEqual(await server.seen(), [[..."abcde"], [..."cde"], ["e"]]);
});

// Uploads ------------------------------------------------------------------------------------

test("large pictures are uploaded", async () => {
  const server = new FakeServer({ health: UPLOADS });
  const pictures = [blob("a"), blob(LARGE, "l.webp"), blob(LARGE), blob("d")];

  const answers = await server.client({ apiKey: "secret" }).predict(pictures);

  // Then only the large ones are, and their keys are sent in order
  assert.deepEqual(labels(answers), ["a", "uploads/0", "uploads/1", "d"]);
  assert.deepEqual(
    answers.map(({ name }) => name),
    [null, "l.webp", null, null],
  );
  assert.deepEqual(server.stored, { "uploads/0": LARGE, "uploads/1": LARGE });
  // And the store does not get the API key
  const uploads = server.requests.filter(({ url }) => url.href === STORE);
  assert.equal(uploads.length, 2);
  assert.ok(uploads.every(({ headers }) => headers === undefined));
  assert.equal(uploads[0].body.get("Content-Type"), "image/webp");
});

test("a picture above the limit is not uploaded", async () => {
  const server = new FakeServer({ health: UPLOADS });

  const [answer] = await server.client().predict(blob("L".repeat(6000)));

  assert.equal(answer.error.code, "picture_too_large");
  assert.deepEqual(server.stored, {});
});

test("an expired form is replaced", async () => {
  const expired = new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 });
  const server = new FakeServer({ health: UPLOADS, first: [expired] });

  assert.deepEqual(labels(await server.client().predict(blob(LARGE))), ["uploads/1"]);
});

test("a refused upload is the error of its picture", async () => {
  for (const [reason, code] of [
    ["EntityTooLarge", "picture_too_large"],
    ["InvalidPolicyDocument", "upload_failed"],
  ]) {
    const refusal = new Response(`<Error><Code>${reason}</Code></Error>`, { status: 400 });
    const server = new FakeServer({ health: UPLOADS, first: [refusal] });
    const pictures = [blob(LARGE, "l.jpg"), blob(LARGE, "m.jpg")];

    const [refused, stored] = await server.client().predict(pictures);

    assert.deepEqual([refused.index, refused.name, refused.error.code], [0, "l.jpg", code]);
    assert.match(refused.error.message, new RegExp(`400 ${reason}`));
    assert.deepEqual([stored.name, ...labels([stored])], ["m.jpg", "uploads/1"]);
  }
});

test("a request without a stored picture is not sent", async () => {
  const server = new FakeServer({ health: UPLOADS, first: [new Response("", { status: 400 })] });

  const [answer] = await server.client().predict(blob(LARGE));

  assert.equal(answer.error.code, "upload_failed");
  assert.equal(server.sent("/dev/predict").length, 0);
});

// Errors and retries -------------------------------------------------------------------------

test("what may pass is tried again", async () => {
  for (const failure of [
    () => error(429, "throttled"),
    () => error(503, "models_unavailable"),
    () => error(504, "timeout"),
    () => new Response("<html>", { status: 503 }),
    () => new TypeError("fetch failed"),
  ]) {
    const server = new FakeServer({ first: [failure(), failure()] });

    assert.deepEqual(labels(await server.client().predict(blob("one"))), ["one"]);
    assert.equal(server.sent("/dev/predict").length, 3);
  }
});

test("what stays is thrown at once", async () => {
  for (const [status, code] of [
    [400, "invalid_parameter"],
    [403, "forbidden"],
    [429, "quota_exceeded"],
    [418, "new_code"],
  ]) {
    const server = new FakeServer({ first: [error(status, code)] });

    await assert.rejects(server.client().predict(blob("one")), (raised) => {
      assert.ok(raised instanceof ApiError);
      assert.deepEqual([raised.status, raised.code, raised.requestId], [status, code, "r-1"]);
      return true;
    });
    assert.equal(server.sent("/dev/predict").length, 1);
  }
});

test("it gives up after the retries", async () => {
  const refused = () => new TypeError("refused");
  const away = new FakeServer({ first: [refused(), refused(), refused()] });
  const busy = new FakeServer({ first: [1, 2, 3].map(() => error(503, "unavailable")) });

  await assert.rejects(away.client({ retries: 2 }).predict(blob("a")), ConnectionFailed);
  await assert.rejects(busy.client({ retries: 2 }).predict(blob("a")), { code: "unavailable" });
  assert.equal(away.sent("/dev/predict").length, 3);
});

/**
 * Return the pauses, in seconds, of a client whose first requests fail.
 *
 * @param {import("node:test").TestContext} context
 */
async function pauses(context, maxWait, ...first) {
  const found = [];
  const timer = context.mock.method(globalThis, "setTimeout", (done, milliseconds) => {
    found.push(milliseconds / 1000);
    done();
  });
  const client = new FakeServer({ first }).client({ maxWait, retries: 9 });
  await client.predict(blob("a"));
  timer.mock.restore();
  return found;
}

const asking = (header) => error(503, "unavailable", { "Retry-After": header });

test("the server says how long to wait, up to a limit", async (context) => {
  const past = "Thu, 01 Jan 1970 00:00:00 GMT";

  assert.deepEqual(await pauses(context, 30, asking("2"), asking("0"), asking(past)), [2, 0, 0]);
  assert.deepEqual(await pauses(context, 30, asking("3600")), [30]);
});

test("pauses double, up to a limit", async (context) => {
  const found = await pauses(context, 3, ...Array.from({ length: 5 }, () => asking("soon")));

  assert.equal(found.length, 5);
  for (const [n, seconds] of found.entries()) {
    assert.ok(seconds >= Math.min(3, 0.25 * 2 ** n) && seconds <= Math.min(3, 0.5 * 2 ** n));
  }
});

test("an error that is not JSON is shown", async () => {
  const headers = { "X-Request-Id": "r-2" };
  const first = [new Response("<h1>Blocked</h1>", { status: 403, headers })];

  const failed = new FakeServer({ first }).client().predict(blob("a"));

  await assert.rejects(failed, { status: 403, requestId: "r-2", message: /Blocked/ });
});

test("what is not an answer of Carlens is an error", async () => {
  for (const answer of [new Response("<html>"), json([]), json({ images: [] }), json(null)]) {
    const client = new FakeServer({ first: [answer] }).client();
    await assert.rejects(client.predict(blob("a")), UnexpectedAnswer);
  }
});

test("a call can be canceled, and no failure is unhandled", async () => {
  // Given two requests that fail, of which only one is read
  const first = [error(400, "bad_request"), error(400, "bad_request")];
  const client = new FakeServer({ first }).client({ picturesPerRequest: 1 });
  await assert.rejects(client.predict([blob("a"), blob("b")]), ApiError);
  await new Promise((done) => setTimeout(done, 20));

  const signal = AbortSignal.abort(new Error("enough"));
  const busy = new FakeServer({ first: [error(503, "unavailable")] }).client({ maxWait: 60 });
  await assert.rejects(busy.predict(blob("a"), { signal }), /enough/);
});

test("a canceled pause ends at once", async () => {
  const canceling = new AbortController();
  const busy = new FakeServer({ first: [error(503, "unavailable", { "Retry-After": "50" })] });
  setTimeout(() => canceling.abort(new Error("enough")), 20);

  const failed = busy.client({ maxWait: 60 }).predict(blob("a"), { signal: canceling.signal });

  await assert.rejects(failed, /enough/);
});

test("a server without models is unavailable, and not an error", async () => {
  let asked = 0;
  const fetch = async () => {
    asked++;
    return json({ ...HEALTH, status: "unavailable" }, 503);
  };

  assert.equal((await new Carlens(API, { fetch }).health()).status, "unavailable");
  assert.equal(asked, 1);
});

// Names --------------------------------------------------------------------------------------

const MATCH = { make: "A", model: "B", score_make: 1, score_model: 2, score: 3 };

test("names are matched and cleaned, and tables listed", async () => {
  const first = [json(MATCH), json({ make: "A", model: "B" }), json({ tables: ["europe"] })];
  const server = new FakeServer({ first });
  const client = server.client();

  assert.equal((await client.norm("a", "b", { table: "my cars", top_k: 2 })).score, 3);
  assert.equal((await client.clean("a")).model, "B");
  assert.deepEqual(await client.tables(), ["europe"]);
  assert.deepEqual(
    server.requests.map(({ url }) => url.pathname + url.search),
    ["/dev/norm/my%20cars?make=a&model=b&top_k=2", "/dev/clean?make=a&model=", "/dev/norm"],
  );
});

test("any number of rows is matched", async () => {
  const first = [10_000, 10_000, 5].map((count) => json(Array(count).fill(MATCH)));
  const server = new FakeServer({ first });
  const rows = Array.from({ length: 20_005 }, (_, n) => ["a", `${n}`]);

  const matches = await server.client().normRows(rows);

  assert.equal(matches.length, 20_005);
  const sent = server.requests.map(({ body }) => JSON.parse(body));
  assert.deepEqual(
    sent.map(({ length }) => length),
    [10_000, 10_000, 5],
  );
  assert.deepEqual(sent[1][0], ["a", "10000"]);
});

test("a CSV file is matched", async () => {
  const server = new FakeServer({ first: [new Response("answer")] });

  assert.equal(await server.client().normCsv("make,model\n", { top_k: 3 }), "answer");

  const [{ url, body, headers }] = server.requests;
  assert.deepEqual([body, headers["Content-Type"]], ["make,model\n", "text/csv"]);
  assert.equal(url.search, "?top_k=3");
});

test("a CSV file is answered in detail", async () => {
  const server = new FakeServer({ first: [new Response("answer")] });

  await server.client().normCsv("make,model\n", { detailed: true });

  assert.equal(server.requests[0].url.search, "?format=detailed");
});
