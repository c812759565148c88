// POST with progress, which `fetch` cannot report.

import { ApiError, retryAfter, UNREACHABLE } from "./client.js";

/**
 * POST a body.
 *
 * @param {string} url
 * @param {FormData | Blob} body
 * @param {AbortSignal} signal
 * @param {(share: number) => void} onsent Called with how much of the body is sent, 0 to 1.
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ status: number, text: string, retryAfter: number | null }>}
 */
export function post(url, body, signal, onsent, headers = {}) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onsent(loaded / total);
    request.upload.onload = () => onsent(1);
    request.onload = () =>
      resolve({
        status: request.status,
        text: request.responseText,
        retryAfter: retryAfter(headerOf(request, "retry-after"), Date.now()),
      });
    request.onerror = () => reject(new ApiError(UNREACHABLE));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop);
    request.send(body);
  });
}

/**
 * Return a header of a response. Unlike `getResponseHeader`, this writes no error to the console if
 * the server does not expose it to pages of other origins, as a bucket does not.
 *
 * @param {XMLHttpRequest} request
 * @param {string} name In lower case.
 */
function headerOf(request, name) {
  const lines = request.getAllResponseHeaders().split("\r\n");
  return lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1) ?? null;
}
