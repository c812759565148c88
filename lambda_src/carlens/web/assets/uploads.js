// Uploading photos that are too large for one request, each with a form that the API gives out.

/** @import { Part, UploadForm } from "./types" */
import { ApiError, apiFetch, parseAnswer, UNREACHABLE } from "./client.js";
import { $, make, sum } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { announce } from "./status.js";

const AT_ONCE = 3;

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
  const forms = await askForForms(files.length, signal);
  const bars = files.map(progressBar);
  try {
    await inParallel(files, (part, i) => sendForm(forms[i], part.blob, signal, bars[i]));
  } finally {
    for (const bar of bars) bar.remove();
  }
  const images = parts.map((part) => {
    const i = files.indexOf(/** @type {FilePart} */ (part));
    return i < 0 ? { url: part.photo.source } : { key: forms[i].key, name: part.photo.name };
  });
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

/** Show the progress of all uploads together; photos may have left the tray meanwhile. */
function showTotal() {
  /** @type {HTMLProgressElement[]} */
  const bars = [...document.querySelectorAll("progress.upload")].map(
    (bar) => /** @type {any} */ (bar),
  );
  const total = sum(bars.map(({ max }) => max));
  const sent = sum(bars.map(({ value }) => value));
  $("progress").max = total;
  $("progress").value = sent;
  $("clock").textContent = t("{sent} of {total}", { sent: bytes(sent), total: bytes(total) });
}

/**
 * Send one photo and show its progress, which `fetch` cannot report.
 *
 * @param {UploadForm} form
 * @param {Blob} blob
 * @param {AbortSignal} signal
 * @param {HTMLProgressElement} bar
 * @returns {Promise<void>}
 */
function sendForm({ url, fields }, blob, signal, bar) {
  const form = new FormData();
  // A browser that does not know a format gives its files no type; the bytes decide anyway.
  const type = blob.type.startsWith("image/") ? blob.type : "image/jpeg";
  for (const [name, value] of Object.entries({ "Content-Type": type, ...fields })) {
    form.append(name, value);
  }
  form.append("file", blob);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.onprogress = ({ loaded }) => {
      bar.value = Math.min(loaded, bar.max); // the form is a little larger than the photo
      showTotal();
    };
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(refusal(request));
    };
    request.onerror = () => reject(new ApiError(UNREACHABLE));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** @param {XMLHttpRequest} request */
function refusal({ status, responseText }) {
  const code = /<Code>(\w+)<\/Code>/.exec(responseText)?.[1] ?? "";
  return new ApiError("The upload was refused ({code}). Send the photos again.", {
    status,
    values: { code: code || status },
  });
}
