// Splitting a queue of photos into requests.

/** @import { Part, Photo } from "./types" */
import { limits, takesUploads } from "./client.js";
import { sum } from "./dom.js";
import { prepare } from "./shrink.js";

/** Small requests are answered soon, and cost little to repeat. */
const MOST = { photos: 8, pixels: Number.POSITIVE_INFINITY };
const FIELD_BYTES = 300; // an upper bound for the headers of one form field

/** @param {Part} part */
const bytesOf = ({ photo, blob }) => (blob?.size ?? 0) + FIELD_BYTES + 3 * photo.name.length;

/** @param {Part} part */
const isLarge = (part) => bytesOf(part) > limits.request_bytes;

/**
 * Return whether photos have to be uploaded before their request.
 *
 * @param {Part[]} parts
 */
export const needUploads = (parts) => sum(parts.map(bytesOf)) > limits.request_bytes;

/**
 * Return whether photos may share a request: by count, pixels and, unless they are uploaded, bytes.
 *
 * @param {Part[]} parts
 * @param {typeof MOST} most
 */
function fitTogether(parts, most) {
  return (
    parts.length <= Math.min(most.photos, limits.pictures) &&
    sum(parts.map(({ pixels }) => pixels)) <= Math.min(most.pixels, limits.picture_pixels) &&
    (!needUploads(parts) || (takesUploads && parts.some(isLarge)))
  );
}

/** Hands out the photos of a queue, request by request. A photo is prepared just before its turn. */
export class Splitter {
  /** @type {Promise<unknown>} */
  turn = Promise.resolve();
  /** @type {Part | null} The first photo of the next request. */
  ahead = null;

  /**
   * @param {Photo[]} photos
   * @param {(photo: Photo) => boolean} isWanted Whether a photo has not been removed meanwhile.
   * @param {(photo: Photo, error: unknown) => void} onfailure Called for a photo that cannot be sent.
   * @param {typeof MOST} [most] What one request has at most; a larger photo is sent alone.
   */
  constructor(photos, isWanted, onfailure, most = MOST) {
    this.left = [...photos];
    this.most = most;
    this.isWanted = isWanted;
    this.onfailure = onfailure;
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Part[]>} The photos of the next request; none at the end.
   */
  next(signal) {
    const next = this.turn.then(() => this.take(signal));
    this.turn = next.catch(() => {});
    return next;
  }

  /** @param {AbortSignal} signal */
  async take(signal) {
    /** @type {Part[]} */
    const parts = [];
    for (let part = await this.prepared(); part; part = await this.prepared()) {
      signal.throwIfAborted();
      if (parts.length && !fitTogether([...parts, part], this.most)) {
        this.ahead = part;
        break;
      }
      parts.push(part);
    }
    return parts;
  }

  /** @returns {Promise<Part | null>} */
  async prepared() {
    const { ahead } = this;
    this.ahead = null;
    if (ahead) return ahead;
    for (let photo = this.left.shift(); photo; photo = this.left.shift()) {
      if (!this.isWanted(photo)) continue;
      try {
        return await prepare(photo, limits.request_bytes - FIELD_BYTES - 3 * photo.name.length);
      } catch (error) {
        this.onfailure(photo, error);
      }
    }
    return null;
  }
}
