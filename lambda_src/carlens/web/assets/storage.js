// Keeps the session in this browser, so that a reload does not lose it.

/** @import { Photo } from "./types" */
import { $ } from "./dom.js";
import { t } from "./i18n.js";
import * as session from "./session.js";
import { announce } from "./status.js";

const STORE = "photos";

/** @typedef {Omit<Photo, "source"> & { url?: string }} Kept */

/** @type {IDBDatabase | null} */
let database = null;
/** @type {Map<Photo, Photo["findings"]>} What is kept of each photo. */
const kept = new Map();

/** Bring back the photos of the last visit, and keep those of this one. */
export async function keepSession() {
  try {
    if (!(await lock())) return;
    database = await open();
    const restored = (await all(database)).map(revive);
    for (const photo of restored) kept.set(photo, { ...photo.findings });
    session.restore(restored);
  } catch {
    return; // a private window, for example, keeps nothing
  }
  session.onSessionChange(save);
  save();
}

/**
 * Take the session for this tab; another tab with this page does not keep its photos.
 *
 * @returns {Promise<boolean>}
 */
function lock() {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    const hold = (/** @type {Lock | null} */ taken) => {
      resolve(taken !== null);
      return taken && new Promise(() => {}); // until the tab is closed
    };
    navigator.locks.request("carlens", { ifAvailable: true }, hold).catch(reject);
  });
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("carlens", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBDatabase} from
 * @returns {Promise<Kept[]>}
 */
function all(from) {
  return new Promise((resolve, reject) => {
    const request = from.transaction(STORE).objectStore(STORE).getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {Kept} photo
 * @returns {Photo}
 */
const revive = ({ url, ...photo }) => ({
  ...photo,
  source: photo.file ? URL.createObjectURL(photo.file) : (url ?? ""),
});

/**
 * Return whether a photo is kept with its findings, which are replaced and never changed.
 *
 * @param {Photo} photo
 */
function isKept(photo) {
  const before = Object.values(kept.get(photo) ?? {});
  const now = Object.values(photo.findings);
  return kept.has(photo) && before.length === now.length && now.every((f) => before.includes(f));
}

/** Write what has changed. */
function save() {
  if (!database) return;
  const current = new Set(session.photos);
  const changed = session.photos.filter((photo) => !isKept(photo));
  const gone = [...kept.keys()].filter((photo) => !current.has(photo));
  $("kept").hidden = !session.photos.length;
  if (!changed.length && !gone.length) return;
  const transaction = begin(database);
  if (!transaction) return;
  const store = transaction.objectStore(STORE);
  for (const { source, ...photo } of changed) {
    store.put(photo.file ? photo : { ...photo, url: source });
  }
  for (const photo of gone) store.delete(photo.id);
  for (const photo of changed) kept.set(photo, { ...photo.findings });
  for (const photo of gone) kept.delete(photo);
  transaction.onabort = () => {
    for (const photo of changed) kept.delete(photo);
    for (const photo of gone) kept.set(photo, {});
    announce(() => t("This browser has no room to keep these photos. A reload will lose them."));
  };
}

/** @param {IDBDatabase} from */
function begin(from) {
  try {
    return from.transaction(STORE, "readwrite");
  } catch {
    database = null; // the user has deleted this site's data, for example
    $("kept").hidden = true;
    return null;
  }
}

$("forget").addEventListener("click", () => {
  session.removePhotos(session.photos);
  announce(() => t("All photos and results removed."));
  $("files").focus();
});
