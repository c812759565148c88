// Requests to the API.

/** @import { Values } from "./i18n.js" */
/** @import { ApiErrorDetails, Health, Limits, Mode } from "./types" */
import { $ } from "./dom.js";

/**
 * What the API accepts. Until `useHealth` is called nothing is known, and the API alone decides.
 *
 * @type {Limits}
 */
export let limits = {
  picture_bytes: Number.POSITIVE_INFINITY,
  picture_pixels: Number.POSITIVE_INFINITY,
  pictures: Number.POSITIVE_INFINITY,
  request_bytes: Number.POSITIVE_INFINITY,
};

/** Whether the API takes uploads. */
export let takesUploads = false;

/** Whether the API takes photos by their URLs. */
export let takesUrls = true;

/** @param {Health} health */
export function useHealth(health) {
  limits = { ...limits, ...health.limits };
  takesUploads = health.features?.uploads ?? false;
  takesUrls = health.features?.urls ?? true;
}

export const UNREACHABLE = "The server could not be reached. Check the connection and try again.";

/** A request that failed as a whole, with a message for the user. */
export class ApiError extends Error {
  /**
   * @param {string} message A text of the page or one from the server.
   * @param {ApiErrorDetails & { values?: Values }} [details]
   */
  constructor(message, { status = 0, code = "", requestId = "", values = {} } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.values = values;
  }
}

let vehicles = ["bicycle", "bus", "car", "motorcycle", "truck"];

/**
 * Look for all classes that `/predict` accepts. Without any, the API chooses the classes.
 *
 * @param {string[]} classes
 */
export function useClasses(classes) {
  vehicles = [...classes].sort();
}

/**
 * Return the path of a request for everything the page shows. The confidence is the
 * lowest that the slider reaches, so that moving it needs no other request.
 *
 * @param {Mode} mode
 */
export function detectionPath(mode) {
  const classes = mode === "predict" && vehicles.length ? `&classes=${vehicles}` : "";
  return `${mode}?format=detailed&confidence=0.2${classes}`;
}

/**
 * Return the absolute URL of a route, below the stage if there is one.
 *
 * @param {string} path
 */
export const apiUrl = (path) => new URL(path, document.baseURI).href;

/** @returns {Record<string, string>} */
export function keyHeaders() {
  const key = $("key").value.trim();
  return key ? { "x-api-key": key } : {};
}

/**
 * Call the API with the user's key.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function apiFetch(path, options = {}) {
  try {
    return await fetch(apiUrl(path), { ...options, headers: keyHeaders() });
  } catch (error) {
    throw options.signal?.aborted ? error : new ApiError(UNREACHABLE);
  }
}

/**
 * Parse an answer, or throw the `ApiError` that it describes.
 *
 * @param {number} status
 * @param {string} text
 * @param {(answer: any) => unknown} isExpected Whether the answer has the expected form.
 */
export function parseAnswer(status, text, isExpected) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Handled below: null is not an expected answer.
  }
  if (status >= 200 && status < 300 && isExpected(answer)) return answer;
  throw errorOf(status, text, answer);
}

/**
 * @param {number} status
 * @param {string} text
 * @param {any} answer The text as JSON; null if it is not.
 */
function errorOf(status, text, answer) {
  const { code, message, request_id: requestId } = answer?.error ?? answer ?? {};
  let shown = "The server's answer could not be understood.";
  if (typeof message === "string" && message) shown = message;
  else if (status >= 400 && text) shown = text.slice(0, 300);
  return new ApiError(shown, { status, code, requestId });
}
