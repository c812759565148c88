// How far the queue is: a bar, the time that has passed and the time that is left.

import { $ } from "./dom.js";
import { clock, count, onLanguageChange, plural, t } from "./i18n.js";

const SENT_SHARE = 0.25; // of the work on a photo, until the server has answered

let total = 0;
let done = 0;
/** @type {Map<object, number>} How much of the photos of each request is sent, in photos. */
const sent = new Map();
/** Milliseconds at work, without pauses. */
let worked = 0;
let since = 0;
let timer = 0;

/** @param {number} photos */
export function startProgress(photos) {
  [total, done, worked] = [photos, 0, 0];
  sent.clear();
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  resumeProgress();
}

/** How long the queue has worked, in milliseconds. */
export const elapsed = () => worked + (timer ? performance.now() - since : 0);

export function pauseProgress() {
  worked = elapsed();
  clearInterval(timer);
  timer = 0;
  show();
}

export function resumeProgress() {
  since = performance.now();
  timer = setInterval(show, 1000);
  show();
}

export function endProgress() {
  clearInterval(timer);
  timer = 0;
  total = 0;
  $("progress").hidden = true;
  $("clock").textContent = "";
}

/**
 * @param {object} request
 * @param {number} photos How many photos it has.
 * @param {number} share How much of it is sent, 0 to 1.
 */
export function showSent(request, photos, share) {
  sent.set(request, photos * share * SENT_SHARE);
  show();
}

/**
 * @param {object} request
 * @param {number} photos How many of its photos are done.
 */
export function showDone(request, photos) {
  sent.delete(request);
  done += photos;
  show();
}

function show() {
  if (!total) return;
  const progress = done + [...sent.values()].reduce((a, b) => a + b, 0);
  $("progress").max = total;
  if (progress) $("progress").value = progress;
  const seconds = Math.floor(elapsed() / 1000);
  const facts = [
    total > 1 ? t("{n} of {total}", { n: count(done), total: count(total) }) : "",
    seconds ? clock(seconds) : "",
    timeLeft(progress),
  ];
  $("clock").textContent = facts.filter(Boolean).join(" · ");
}

/** @param {number} progress In photos. */
function timeLeft(progress) {
  const seconds = elapsed() / 1000;
  if (!done || done === total || seconds < 2) return "";
  const left = (seconds * (total - progress)) / progress;
  if (left < 60) {
    return plural(Math.ceil(left), "about {n} second left", "about {n} seconds left");
  }
  return plural(Math.ceil(left / 60), "about {n} minute left", "about {n} minutes left");
}

onLanguageChange(show);
