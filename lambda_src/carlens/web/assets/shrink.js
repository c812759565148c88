// Scaling photos down in the browser, so that they fit into one request.

/** @import { Part, Photo, Result, Scaled } from "./types" */
import { ApiError, limits, takesUploads } from "./client.js";
import { sum } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { announce } from "./status.js";

const MAX_SIDE = 20_000;
const PART_BYTES = 300; // an upper bound for the headers of one form part
const SIDES = [1600, 1280, 1024, 800, 640, 512, 400, 320]; // longest sides to try, in pixels

/** @typedef {Part & { photo: { file: File }, blob: Blob }} FilePart */

/**
 * Choose what to send for each photo: the file as it is, or a smaller copy. Photos that are too
 * large by themselves are scaled down, and then, unless they can be uploaded, the largest ones
 * until the request is small enough.
 *
 * @param {Photo[]} photos
 * @param {AbortSignal} signal
 * @returns {Promise<Part[]>}
 * @throws {ApiError} The photos do not fit, even when scaled down.
 */
export async function fit(photos, signal) {
  /** @type {Part[]} */
  const parts = photos.map((photo) => ({ photo, blob: photo.file, scaled: null, stuck: false }));
  const files = /** @type {FilePart[]} */ (parts.filter((part) => part.blob));
  const room = roomFor(photos);
  for (const part of files) {
    if (await isTooLarge(part.photo)) await shrink(part, SIDES[0]);
    if (part.stuck && part.blob.size > limits.picture_bytes) throw tooLarge([part]);
    signal.throwIfAborted();
  }
  if (takesUploads) return parts;
  let step = 0;
  while (step < SIDES.length && !(await shrinkUntilFits(files, SIDES[step], room, signal))) {
    step = nextStep(step, room / sizeOf(files));
  }
  if (sizeOf(files) > room) throw tooLarge(files);
  return parts;
}

/**
 * Return whether the photos fit into one request.
 *
 * @param {Part[]} parts
 */
export const fitsRequest = (parts) =>
  sum(parts.map(({ blob }) => blob?.size ?? 0)) <= roomFor(parts.map(({ photo }) => photo));

/**
 * Return how many bytes of files a request takes.
 *
 * @param {Photo[]} photos
 */
const roomFor = (photos) =>
  limits.request_bytes - sum(photos.map(({ name }) => PART_BYTES + 3 * name.length));

/** @param {FilePart[]} files */
const sizeOf = (files) => sum(files.map((part) => part.blob.size));

/**
 * Scale files down to one side length, the largest first, until all fit.
 *
 * @param {FilePart[]} files
 * @param {number} side
 * @param {number} room Bytes for all files.
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} Whether they fit.
 */
async function shrinkUntilFits(files, side, room, signal) {
  files.sort((a, b) => b.blob.size - a.blob.size);
  for (const [i, part] of files.entries()) {
    if (sizeOf(files) <= room) return true;
    announce(() => t("Scaling down photo {i} of {n}…", { i: i + 1, n: files.length }));
    await shrink(part, side);
    signal.throwIfAborted();
    if (sizeOf(files.filter(({ stuck }) => stuck)) > room) throw tooLarge(files);
  }
  return sizeOf(files) <= room;
}

/**
 * Return the next side length to try. Bytes grow about as the square of the side, so those that
 * cannot fit are skipped.
 *
 * @param {number} step
 * @param {number} ratio The room divided by the size.
 */
function nextStep(step, ratio) {
  const likely = SIDES[step] * Math.sqrt(ratio) * 1.1;
  do step += 1;
  while (step < SIDES.length - 1 && SIDES[step] > likely);
  return step;
}

/**
 * Report what does not fit: a file that could not be scaled down, if there is one.
 *
 * @param {FilePart[]} files
 */
function tooLarge(files) {
  const stuck = files.find((part) => part.stuck);
  if (!stuck) {
    return new ApiError(
      "These photos are larger than {max} even when scaled down. Send fewer at a time, or smaller ones.",
      { values: { max: bytes(limits.request_bytes) } },
    );
  }
  return new ApiError(
    "This browser cannot scale down {name} ({size}). Convert it to JPEG or remove it.",
    { values: { name: stuck.photo.name, size: bytes(stuck.blob.size) } },
  );
}

/**
 * Return whether a photo has more bytes than the API takes, or more pixels, if this browser can
 * tell.
 *
 * @param {FilePart["photo"]} photo
 */
async function isTooLarge({ source, file }) {
  if (file.size > limits.picture_bytes) return true;
  const image = new Image();
  image.src = source;
  await new Promise((resolve) => {
    image.onload = image.onerror = resolve;
  });
  const { naturalWidth: width, naturalHeight: height } = image;
  return width * height > limits.picture_pixels || Math.max(width, height) > MAX_SIDE;
}

/**
 * Re-encode a photo as JPEG with its longest side at most `side`, if that makes it smaller.
 *
 * @param {FilePart} part
 * @param {number} side
 */
async function shrink(part, side) {
  const { file } = part.photo;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    part.stuck = true; // this browser cannot decode it, but the server may
    return;
  }
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff"; // JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  if (blob && blob.size < file.size) {
    part.blob = blob;
    part.scaled = { from: [bitmap.width, bitmap.height], to: [width, height] };
  }
  bitmap.close();
}

/**
 * Map the boxes found in a smaller copy to pixels of the original.
 *
 * @param {Result | undefined} result
 * @param {Scaled | null} scaled
 * @returns {Result | undefined}
 */
export function mapBack(result, scaled) {
  if (!scaled || !result?.width || !result.height) return result;
  const { width: sentWidth, height: sentHeight } = result;
  const [width, height] = scaled.from;
  /** @param {number} x */
  const across = (x) => Math.min(width, Math.round((x * width) / sentWidth));
  /** @param {number} y */
  const down = (y) => Math.min(height, Math.round((y * height) / sentHeight));
  const objects = result.objects.map((object) => ({
    ...object,
    x1: across(object.x1),
    y1: down(object.y1),
    x2: across(object.x2),
    y2: down(object.y2),
  }));
  return { ...result, width, height, objects };
}
