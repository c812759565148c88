// Sending bodies with their progress; loaded with the first request.

import { ApiError, UNREACHABLE } from "./client.js";
import { $ } from "./dom.js";
import { bytes, t } from "./i18n.js";

/**
 * POST a body and report its progress, which `fetch` cannot.
 *
 * @param {string} url
 * @param {FormData | Blob} body
 * @param {AbortSignal} signal
 * @param {Pick<Partial<XMLHttpRequestUpload>, "onprogress" | "onload">} listeners Of the upload.
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ status: number, text: string }>}
 */
export function post(url, body, signal, listeners, headers = {}) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    Object.assign(request.upload, listeners);
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () => reject(new ApiError(UNREACHABLE));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/**
 * Show how much of a request is sent.
 *
 * @param {number} sent In bytes, like `total`.
 * @param {number} total
 */
export function showProgress(sent, total) {
  $("progress").max = total;
  $("progress").value = sent;
  $("clock").textContent = t("{sent} of {total}", { sent: bytes(sent), total: bytes(total) });
}
