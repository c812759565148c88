// The photos of this session, in order, and what Carlens found in each.

/** @import { Finding, Mode, Photo } from "./types" */

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

const vehicles = /** @type {HTMLInputElement} */ (document.querySelector('[value="predict"]'));

/**
 * What the user looks for.
 *
 * @returns {Mode}
 */
export const mode = () => (vehicles.checked ? "predict" : "object_detection");

/** @param {Photo} photo */
export const findingOf = (photo) => photo.findings[mode()];

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
 * @param {Mode} mode
 * @param {[Photo, Finding][]} findings
 */
export function record(mode, findings) {
  for (const [photo, finding] of findings) photo.findings[mode] = finding;
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
