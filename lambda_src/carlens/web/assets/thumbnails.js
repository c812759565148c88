// Small copies of the photos. Each is made once, when it is first shown, a few at a time.

import { onSessionChange, photos } from "./session.js";

const WIDTH = 400;
const AT_ONCE = 2;

/** @type {Map<Blob, Promise<string>>} */
const made = new Map();
/** @type {(() => Promise<void>)[]} What is to do, the most recently asked for last. */
const asked = [];
let working = 0;

/**
 * Return the address of a small copy.
 *
 * @param {Blob} file Of a photo, or its redacted one.
 * @returns {Promise<string>} Rejects if this browser cannot read the file.
 */
export function thumbnailOf(file) {
  let thumbnail = made.get(file);
  if (!thumbnail) {
    thumbnail = new Promise((resolve, reject) => {
      asked.push(() => shrink(file).then(resolve, reject));
    });
    made.set(file, thumbnail);
    work();
  }
  return thumbnail;
}

async function work() {
  if (working >= AT_ONCE) return;
  working++;
  for (let next = asked.pop(); next; next = asked.pop()) await next();
  working--;
}

/** @param {Blob} file */
async function shrink(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: WIDTH, resizeQuality: "medium" });
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
  if (!blob) throw new Error("toBlob");
  return URL.createObjectURL(blob);
}

onSessionChange(() => {
  const current = new Set(
    photos.flatMap(({ file, findings }) => [file, findings.anonymize?.redacted?.picture]),
  );
  for (const [file, address] of made) {
    if (current.has(file)) continue;
    made.delete(file);
    address.then(URL.revokeObjectURL, () => {});
  }
});
