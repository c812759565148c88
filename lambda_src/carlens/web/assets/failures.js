// What is kept of photos that could not be processed.

/** @import { Finding } from "./types" */
import { ApiError } from "./client.js";

export const noResult = () => new ApiError("The answer has no result for this photo.");

/**
 * Return the finding of a photo that could not be analyzed.
 *
 * @param {ApiError} error
 * @returns {Finding}
 */
export function failure({ code, message, values }) {
  const error = { code, message, values };
  const result = { width: null, height: null, objects: [], error };
  return { result, scaled: null, sentBytes: 0, named: false };
}
