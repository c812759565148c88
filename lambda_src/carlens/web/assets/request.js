// Sending the photos in the tray, one request at a time.

/** @import { Part, Photo, SentRequest } from "./types" */
import { detectionPath, keyHeaders, limits, parseAnswer } from "./client.js";
import { $ } from "./dom.js";
import { t } from "./i18n.js";
import { showAnswer } from "./results.js";
import { fit, fitsRequest, mapBack } from "./shrink.js";
import { showSnippets } from "./snippets.js";
import { announce, showProblem } from "./status.js";
import { post, showProgress } from "./transfer.js";
import { mode, photoUsers, releasePhotos, setBusy, takeUrls, tooMany, tray } from "./tray.js";

/** @type {AbortController | null} */
let running = null;
/** @type {Photo[]} */
let sending = [];
photoUsers.push(() => sending);

/** Send the photos in the tray and show the answer. */
export async function send() {
  if (running || !takeUrls()) return;
  if (!tray.length) return announce(() => t("Add a photo or a URL first."));
  if (tray.length > limits.pictures) return announce(tooMany);
  running = new AbortController();
  const { signal } = running;
  begin();
  try {
    await exchange(signal);
  } catch (error) {
    if (signal.aborted) return end(() => t("Canceled."));
    end(() => "");
    return showProblem(error);
  }
  // A user who has moved on to something else keeps the focus there.
  const waited = [$("send"), $("cancel"), document.body].includes(
    /** @type {any} */ (document.activeElement),
  );
  end(() => t("Done."));
  if (!waited) return;
  $("results-title").focus({ preventScroll: true });
  $("results").scrollIntoView();
}

/** @type {Parameters<typeof post>[3]} */
const LISTENERS = {
  onprogress: ({ loaded, total }) => showProgress(loaded, total),
  onload: startClock,
};

/** @param {AbortSignal} signal */
async function exchange(signal) {
  const photos = tray;
  /** @type {SentRequest} */
  const sent = { mode: mode(), path: detectionPath(mode()), photos, headers: keyHeaders() };
  const parts = await fit(photos, signal);
  sent.parts = parts;
  if (!fitsRequest(parts)) sent.uploading = await import("./upload_snippets.js");
  const started = performance.now();
  const body = sent.uploading ? await upload(parts, signal) : formOf(parts);
  announce(() => t("Sending…"));
  const { status, text } = await post(sent.path, body, signal, LISTENERS, sent.headers);
  const elapsed = performance.now() - started;
  showSnippets(sent);
  const answer = parseAnswer(status, text, (value) => Array.isArray(value?.images));
  const results = parts.map(({ scaled }, i) => mapBack(answer.images[i], scaled));
  showAnswer({ mode: sent.mode, parts, results, elapsed, answer: { ...answer, images: results } });
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

/**
 * Upload the photos; the code for that is loaded with the first upload.
 *
 * @param {Part[]} parts
 * @param {AbortSignal} signal
 */
async function upload(parts, signal) {
  const uploads = await import("./uploads.js");
  return uploads.uploadAll(parts, signal);
}

function begin() {
  sending = tray;
  showProblem(null);
  $("cancel").hidden = false;
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  setBusy(true);
}

/** @param {() => string} message */
function end(message) {
  stopClock();
  running = null;
  sending = [];
  releasePhotos();
  if (document.activeElement === $("cancel")) $("send").focus();
  $("cancel").hidden = true;
  $("progress").hidden = true;
  setBusy(false);
  announce(message);
}

let clock = 0;

/** Count the seconds until the server answers. */
function startClock() {
  const started = performance.now();
  const tick = () => {
    const seconds = Math.floor((performance.now() - started) / 1000);
    $("clock").textContent = seconds ? `${seconds} s` : "";
  };
  $("progress").removeAttribute("value");
  announce(() => t("Analyzing the photos…"));
  clearInterval(clock);
  clock = setInterval(tick, 1000);
  tick();
}

function stopClock() {
  clearInterval(clock);
  $("clock").textContent = "";
}

$("cancel").addEventListener("click", () => running?.abort());
