// Redacted photos as the API answers them.

/** @import { Finding, Part, Photo, RedactedImage } from "./types" */
import { ApiError } from "./client.js";
import { failure, noResult } from "./failures.js";
import { shortName } from "./session.js";
import { LONGEST_STEM, safeName } from "./zip.js";

/**
 * The formats of redacted photos, and how their files end.
 *
 * @type {Record<string, string>}
 */
const EXTENSIONS = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

/**
 * Read what the API answered for a photo, and fetch it if it was too large for the answer.
 *
 * @param {Part} part
 * @param {RedactedImage | undefined} image
 * @param {AbortSignal} signal
 * @returns {Promise<Finding>}
 */
export async function redactedFinding({ blob, scaled }, image, signal) {
  if (image?.error) return failure(new ApiError(image.error.message, image.error));
  try {
    const picture = await pictureOf(image, signal);
    const { width = null, height = null, regions } = image ?? {};
    return {
      result: { width, height, objects: [], error: null },
      scaled,
      sentBytes: blob?.size ?? 0,
      named: false,
      redacted: { picture, regions: regions ?? [] },
    };
  } catch (error) {
    if (error instanceof ApiError) return failure(error);
    throw error;
  }
}

/**
 * @param {RedactedImage | undefined} image
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
async function pictureOf(image, signal) {
  const type = image?.media_type ?? "";
  if (!(type in EXTENSIONS)) throw noResult();
  if (image?.picture) return new Blob([fromBase64(image.picture)], { type });
  if (image?.picture_url)
    return new Blob([await fetchPicture(image.picture_url, signal)], { type });
  throw noResult();
}

/** @param {string} text */
function fromBase64(text) {
  const characters = atob(text);
  const content = new Uint8Array(characters.length);
  for (let i = 0; i < content.length; i++) content[i] = characters.charCodeAt(i);
  return content;
}

/**
 * Fetch a picture with its presigned URL; the store gets no API key.
 *
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function fetchPicture(url, signal) {
  try {
    const response = await fetch(url, { signal, credentials: "omit", cache: "no-store" });
    if (response.ok) return await response.arrayBuffer();
  } catch {
    signal.throwIfAborted();
  }
  throw new ApiError("The redacted photo could not be fetched. Send the photo again.");
}

const SUFFIX = "-redacted";

/**
 * Name the file of a redacted photo, without what file systems do not allow.
 *
 * @param {Photo} photo
 * @param {Blob} picture
 */
export function redactedName(photo, picture) {
  const [stem] = safeName(shortName(photo));
  const start = [...stem].slice(0, LONGEST_STEM - SUFFIX.length).join("");
  return `${start}${SUFFIX}.${EXTENSIONS[picture.type]}`;
}
