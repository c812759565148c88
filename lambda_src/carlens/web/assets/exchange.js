// One request with photos and its answer, tried again while the API is busy.

/** @import { Answer, Finding, Part, SentRequest, Task } from "./types" */
import { ApiError, keyHeaders, parseAnswer, taskPath } from "./client.js";
import { failure, noResult } from "./failures.js";
import { needUploads } from "./parts.js";
import { mapBack } from "./shrink.js";
import { post } from "./transfer.js";

/**
 * How often a request is sent while the answer is one of these; 0 stands for none.
 *
 * @type {Record<number, number>}
 */
const TRIES = { 0: 4, 429: 8, 503: 8, 504: 2 };
const FIRST_PAUSE = 500; // milliseconds; each further pause is twice as long
const LONGEST_PAUSE = 60_000;

/**
 * @typedef {object} Watcher
 * @property {(share: number) => void} onsent Called with how much of a request is sent, 0 to 1.
 * @property {(ms: number) => void} onpause Called before a pause, after which it is sent again.
 */

/**
 * Send photos, and return the answer. Without an answer for a while, it is asked for again.
 *
 * @param {Task} task
 * @param {Part[]} parts
 * @param {AbortSignal} signal
 * @param {Watcher} watcher
 * @returns {Promise<{ answer: Answer, sent: SentRequest, findings: Finding[] }>}
 * @throws {ApiError}
 */
export async function exchange(task, parts, signal, watcher) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(task, parts, signal, watcher.onsent);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || attempt >= triesFor(error)) throw error;
      const ms = error.retryAfter ?? FIRST_PAUSE * 2 ** (attempt - 1) * (1 + Math.random() / 4);
      watcher.onpause(Math.min(ms, LONGEST_PAUSE));
      await pause(Math.min(ms, LONGEST_PAUSE), signal);
    }
  }
}

/** @param {ApiError} error */
const triesFor = ({ status, code }) => (code === "quota_exceeded" ? 1 : (TRIES[status] ?? 1));

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/**
 * @param {Task} task
 * @param {Part[]} parts
 * @param {AbortSignal} signal
 * @param {Watcher["onsent"]} onsent
 */
async function once(task, parts, signal, onsent) {
  const photos = parts.map(({ photo }) => photo);
  /** @type {SentRequest} */
  const sent = { mode: task.mode, path: taskPath(task), photos, headers: keyHeaders(), parts };
  let body = null;
  if (needUploads(parts)) {
    const uploads = await import("./uploads.js");
    sent.uploading = await import("./upload_snippets.js");
    body = await uploads.uploadAll(parts, signal, onsent);
  }
  const watch = body ? () => {} : onsent;
  const got = await post(sent.path, body ?? formOf(parts), signal, watch, sent.headers);
  const answer = /** @type {Answer} */ (
    parseAnswer(got.status, got.text, (value) => Array.isArray(value?.images), got.retryAfter)
  );
  if (task.mode !== "anonymize") {
    return { answer, sent, findings: parts.map((part, i) => findingOf(part, answer, i)) };
  }
  const { redactedFinding } = await import("./redaction.js");
  const images = /** @type {any[]} */ (answer.images);
  const findings = parts.map((part, i) => redactedFinding(part, images[i], signal));
  return { answer, sent, findings: await Promise.all(findings) };
}

/**
 * @param {Part} part
 * @param {Answer} answer
 * @param {number} i
 * @returns {Finding}
 */
function findingOf({ blob, scaled }, { images, models }, i) {
  return {
    result: mapBack(images[i] ?? failure(noResult()).result, scaled),
    scaled,
    sentBytes: blob?.size ?? 0,
    named: Boolean(models?.classifier),
  };
}

/** @param {Part[]} parts */
function formOf(parts) {
  const form = new FormData();
  for (const { photo, blob } of parts) {
    if (blob) form.append("image", blob, photo.name);
    else form.append("url", photo.source);
  }
  return form;
}
