// The photos of this session, in order, and what Carlens found in each.

/** @import { Correction, Detection, Finding, Mode, Photo, Task } from "./types" */

/** @type {Photo[]} */
export let photos = [];
let nextId = 1;

/** @type {(() => void)[]} */
const listeners = [];

/**
 * Call a function after every change of the photos or of what was found.
 *
 * @param {() => void} listener
 */
export function onSessionChange(listener) {
  listeners.push(listener);
}

export function sessionChanged() {
  for (const listener of listeners) listener();
}

/** @type {HTMLInputElement[]} */
const modes = [...document.querySelectorAll('input[name="mode"]')].map(
  (m) => /** @type {any} */ (m),
);

/**
 * What the user wants.
 *
 * @returns {Mode}
 */
export const mode = () => /** @type {Mode} */ (modes.find(({ checked }) => checked)?.value);

/** Go to the first mode that has results, if this one has none. */
export function goToResults() {
  const offered = modes.filter(
    (radio) =>
      !radio.closest("label")?.hidden && photos.some(({ findings }) => radio.value in findings),
  );
  const radio = offered.find(({ checked }) => checked) ?? offered[0];
  if (radio) radio.checked = true;
}

let redaction = "";

/**
 * Choose what to redact and how. Photos that were redacted in another way wait again.
 *
 * @param {string} query The parameters for `/anonymize`; empty if nothing is chosen.
 */
export function chooseRedaction(query) {
  redaction = query;
  sessionChanged();
}

/**
 * The task that the controls describe.
 *
 * @returns {Task}
 */
export const task = () => ({ mode: mode(), query: mode() === "anonymize" ? redaction : "" });

/** @param {Photo} photo */
export function findingOf(photo) {
  const asked = task();
  const finding = photo.findings[asked.mode];
  return (finding?.query ?? "") === asked.query ? finding : undefined;
}

export const waiting = () => photos.filter((photo) => !findingOf(photo));
export const analyzed = () => photos.filter(findingOf);

/**
 * @param {Iterable<File>} files
 * @returns {number} How many were added.
 */
export function addFiles(files) {
  return add(
    Array.from(files, (file) => ({
      id: nextId++,
      name: file.name || "photo",
      file,
      source: URL.createObjectURL(file),
      findings: {},
    })),
  );
}

/** @param {string[]} urls */
export const addUrls = (urls) =>
  add(urls.map((url) => ({ id: nextId++, name: url, source: url, findings: {} })));

/** @param {Photo[]} added */
function add(added) {
  photos = [...photos, ...added];
  if (added.length) sessionChanged();
  return added.length;
}

/**
 * Remove photos, and free the memory of their files.
 *
 * @param {Photo[]} gone
 */
export function removePhotos(gone) {
  const removed = new Set(gone);
  photos = photos.filter((photo) => !removed.has(photo));
  for (const { file, source } of gone) if (file) URL.revokeObjectURL(source);
  sessionChanged();
}

/**
 * Keep what was found in photos; those that were removed meanwhile are left out.
 *
 * @param {Task} asked
 * @param {[Photo, Finding][]} findings
 */
export function record({ mode, query }, findings) {
  for (const [photo, finding] of findings) photo.findings[mode] = { ...finding, query };
  sessionChanged();
}

/**
 * Keep what the user says about an object of a photo.
 *
 * @param {Photo} photo
 * @param {Detection} object
 * @param {Correction} [correction] Without one, an earlier one is taken back.
 */
export function correct(photo, object, correction) {
  const finding = /** @type {Finding} */ (photo.findings.predict);
  const { correction: _, ...found } = object;
  const corrected = correction ? { ...found, correction } : found;
  const objects = finding.result.objects.map((each) => (each === object ? corrected : each));
  photo.findings.predict = { ...finding, result: { ...finding.result, objects } };
  sessionChanged();
}

/** Forget the failures, so that these photos wait to be sent again. */
export function forgetFailures() {
  for (const photo of analyzed()) if (findingOf(photo)?.result.error) delete photo.findings[mode()];
  sessionChanged();
}

/**
 * Return the file's name, or the last part of the URL.
 *
 * @param {Photo} photo
 */
export function shortName(photo) {
  if (photo.file) return photo.name;
  const url = new URL(photo.source);
  return decode(url.pathname.split("/").filter(Boolean).pop() ?? url.hostname);
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Put the photos of an earlier visit before those of this one.
 *
 * @param {Photo[]} restored
 */
export function restore(restored) {
  nextId = 1 + Math.max(0, ...restored.map(({ id }) => id), ...photos.map(({ id }) => id));
  for (const photo of photos) photo.id = nextId++;
  photos = [...restored, ...photos];
  sessionChanged();
}
