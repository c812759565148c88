// Uploading photos that are too large for one request, each with a form that the API gives out.

/** @import { Part, UploadForm } from "./types" */
import { ApiError, apiFetch, parseAnswer } from "./client.js";
import { sum } from "./dom.js";
import { post } from "./transfer.js";

/** @typedef {Part & { blob: Blob }} FilePart */

/**
 * Upload the photos that are files.
 *
 * @param {Part[]} parts
 * @param {AbortSignal} signal
 * @param {(share: number) => void} onsent Called with how much is uploaded, 0 to 1.
 * @returns {Promise<Blob>} The body of a request that names all photos, in order.
 */
export async function uploadAll(parts, signal, onsent) {
  const files = /** @type {FilePart[]} */ (parts.filter((part) => part.blob));
  const total = sum(files.map(({ blob }) => blob.size));
  const forms = await askForForms(files.length, signal);
  let before = 0;
  for (const [i, { blob }] of files.entries()) {
    const start = before;
    await sendForm(forms[i], blob, signal, (share) => onsent((start + share * blob.size) / total));
    before += blob.size;
  }
  const keys = forms.map(({ key }) => key);
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
 * Send one photo.
 *
 * @param {UploadForm} form
 * @param {Blob} blob
 * @param {AbortSignal} signal
 * @param {(share: number) => void} onsent
 */
async function sendForm({ url, fields }, blob, signal, onsent) {
  const form = new FormData();
  // A browser that does not know a format gives its files no type; the bytes decide anyway.
  const type = blob.type.startsWith("image/") ? blob.type : "image/jpeg";
  for (const [name, value] of Object.entries({ "Content-Type": type, ...fields })) {
    form.append(name, value);
  }
  form.append("file", blob);
  const { status, text } = await post(url, form, signal, onsent);
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
