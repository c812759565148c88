// Preparing one photo: as it is, or scaled down in the browser if the API would refuse it.

/** @import { Part, Photo, Result, Scaled } from "./types" */
import { ApiError, limits, takesUploads } from "./client.js";
import { bytes } from "./i18n.js";

const MAX_SIDE = 20_000;
const SIDES = [4096, 3072, 2400, 1920, 1600, 1280, 1024, 800, 640, 512]; // longest sides to try
const UNKNOWN_PIXELS = 12_000_000; // of most phones, for photos that this browser cannot read

/** @typedef {Part & { photo: { file: File }, blob: Blob }} FilePart */

/**
 * Choose what to send for a photo: the file as it is, or a smaller copy if it is too large.
 *
 * @param {Photo} photo
 * @param {number} room How many bytes of files a request takes.
 * @returns {Promise<Part>}
 * @throws {ApiError} The photo is too large, and this browser cannot scale it down.
 */
export async function prepare(photo, room) {
  /** @type {Part} */
  const part = { photo, blob: photo.file, pixels: UNKNOWN_PIXELS, scaled: null };
  if (!photo.file) return part;
  const file = /** @type {FilePart} */ (part);
  const [width, height] = await sizeOf(photo);
  if (width) part.pixels = width * height;
  const most = takesUploads ? limits.picture_bytes : Math.min(room, limits.picture_bytes);
  const large = part.pixels > limits.picture_pixels || Math.max(width, height) > MAX_SIDE;
  if (photo.file.size > most || large) await shrink(file, most);
  return part;
}

/**
 * @param {Photo} photo
 * @returns {Promise<[number, number]>} Width and height; zeros if this browser cannot tell.
 */
async function sizeOf({ source }) {
  const image = new Image();
  image.src = source;
  await new Promise((resolve) => {
    image.onload = image.onerror = resolve;
  });
  return [image.naturalWidth, image.naturalHeight];
}

/**
 * Scale a photo down, as little as necessary.
 *
 * @param {FilePart} part
 * @param {number} most Bytes.
 */
async function shrink(part, most) {
  const { file } = part.photo;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    if (file.size <= most) return; // the server may be able to read it
    throw new ApiError(
      "This browser cannot scale down {name} ({size}). Convert it to JPEG or remove it.",
      { values: { name: part.photo.name, size: bytes(file.size) } },
    );
  }
  for (const side of SIDES) {
    await encode(part, bitmap, side);
    if (part.blob.size <= most) break;
  }
  bitmap.close();
}

/**
 * Scale a photo down by one more step.
 *
 * @param {Part} part
 * @returns {Promise<boolean>} Whether it is smaller now.
 */
export async function shrinkFurther(part) {
  const { photo, blob } = part;
  if (!blob || !photo.file) return false;
  const bitmap = await createImageBitmap(photo.file).catch(() => null);
  if (!bitmap) return false;
  const [width, height] = part.scaled?.to ?? [bitmap.width, bitmap.height];
  const side = SIDES.find((each) => each < Math.max(width, height));
  const before = part.scaled;
  if (side) await encode(/** @type {FilePart} */ (part), bitmap, side);
  bitmap.close();
  return part.scaled !== before;
}

/**
 * Encode a photo as JPEG with its longest side at most `side`.
 *
 * @param {FilePart} part
 * @param {ImageBitmap} bitmap
 * @param {number} side
 */
async function encode(part, bitmap, side) {
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
  if (!blob) return;
  part.blob = blob;
  part.pixels = width * height;
  part.scaled = { from: [bitmap.width, bitmap.height], to: [width, height] };
}

/**
 * Map the boxes found in a smaller copy to pixels of the original.
 *
 * @param {Result} result
 * @param {Scaled | null} scaled
 * @returns {Result}
 */
export function mapBack(result, scaled) {
  if (!scaled || !result.width || !result.height) return result;
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
