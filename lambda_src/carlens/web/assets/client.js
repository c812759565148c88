// Requests to the API.

/** @import { ApiErrorDetails, Health, Limits, Message, Mode, Task } from "./types" */
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

/** Whether the API redacts photos. */
export let anonymizes = false;

/** @param {Health} health */
export function useHealth(health) {
  limits = { ...limits, ...health.limits };
  takesUploads = health.features?.uploads ?? false;
  takesUrls = health.features?.urls ?? true;
  anonymizes = health.features?.anonymize ?? false;
}

export const UNREACHABLE = "The server could not be reached. Check the connection and try again.";

/** A request that failed as a whole, with a message for the user. */
export class ApiError extends Error {
  /**
   * @param {string} message A text of the page or one from the server.
   * @param {ApiErrorDetails} [details]
   */
  constructor(message, details = {}) {
    const { status = 0, code = "", requestId = "", values = {}, retryAfter = null } = details;
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.values = values;
    /** How long to wait before another try, in milliseconds, if the server says so. */
    this.retryAfter = retryAfter;
  }
}

/**
 * The makes that the classifier was taught, each with its models.
 *
 * @type {{ name: string, models: string[] }[]}
 */
export let taughtMakes = [];

/** @param {{ name: string, models: string[] }[]} makes */
export function useMakes(makes) {
  taughtMakes = makes;
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

/** @param {Task} task */
export const taskPath = ({ mode, query }) =>
  mode === "anonymize" ? `anonymize?format=detailed&${query}` : detectionPath(mode);

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
 * @param {number | null} [retryAfter] Milliseconds.
 */
export function parseAnswer(status, text, isExpected, retryAfter = null) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Handled below: null is not an expected answer.
  }
  if (status >= 200 && status < 300 && isExpected(answer)) return answer;
  throw errorOf(status, answer, retryAfter);
}

/**
 * What a proxy or API Gateway means by a status, when Carlens has not answered.
 *
 * @type {Record<number, Message>}
 */
const GATEWAY_ERRORS = {
  401: "This deployment requires you to identify yourself.",
  403: "This deployment refused the request.",
  404: "The server does not know this address. Reload the page and try again.",
  413: "The request is too large. Send fewer photos, or smaller ones.",
  429: "The server is receiving too many requests. Wait a few seconds and try again.",
  502: "The server is not working properly at the moment. Try again in a few seconds.",
  503: "The server is busy. Try again in a few seconds.",
  504: "The server took too long to answer. Send fewer photos, or smaller ones.",
};

/**
 * @param {number} status
 * @param {any} answer The text as JSON; null if it is not.
 * @param {number | null} retryAfter
 */
function errorOf(status, answer, retryAfter) {
  const { code, message, request_id: requestId } = answer?.error ?? {};
  if (typeof code === "string" && typeof message === "string" && message) {
    return new ApiError(message, { status, code, requestId, retryAfter });
  }
  return new ApiError(GATEWAY_ERRORS[status] ?? otherError(status), { status, retryAfter });
}

/**
 * @param {number} status
 * @returns {Message}
 */
function otherError(status) {
  if (status >= 500) return "Something went wrong on the server. Try again in a few seconds.";
  if (status >= 400) return "The server cannot process this request.";
  return "The server's answer could not be understood.";
}

/**
 * Read a Retry-After header.
 *
 * @param {string | null} header Seconds, or a date.
 * @param {number} now In milliseconds since 1970.
 * @returns {number | null} Milliseconds from now; null without a valid header.
 */
export function retryAfter(header, now) {
  if (!header) return null;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
