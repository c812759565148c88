// Small copies of the photos. Each is made once, when its photo is first shown, a few at a time.

/** @import { Photo } from "./types" */
import { onSessionChange, photos } from "./session.js";

const WIDTH = 400;
const AT_ONCE = 2;

/** @type {Map<Photo, Promise<string>>} */
const made = new Map();
/** @type {(() => Promise<void>)[]} Photos to do, the most recently asked for last. */
const asked = [];
let working = 0;

/**
 * Return the address of a small copy.
 *
 * @param {Photo} photo
 * @returns {Promise<string>} Rejects if this browser cannot read the photo.
 */
export function thumbnailOf(photo) {
  const { file } = photo;
  if (!file) return Promise.resolve(photo.source);
  let thumbnail = made.get(photo);
  if (!thumbnail) {
    thumbnail = new Promise((resolve, reject) => {
      asked.push(() => shrink(file).then(resolve, reject));
    });
    made.set(photo, thumbnail);
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

/** @param {File} file */
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
  const current = new Set(photos);
  for (const [photo, address] of made) {
    if (current.has(photo)) continue;
    made.delete(photo);
    address.then(URL.revokeObjectURL, () => {});
  }
});
