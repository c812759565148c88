// The queue: sends the photos that wait, a few requests at a time, and keeps each answer.

/** @import { Finding, Part, Photo, Task } from "./types" */
import { ApiError } from "./client.js";
import { $ } from "./dom.js";
import { exchange } from "./exchange.js";
import { failure } from "./failures.js";
import { onLanguageChange, plural, t } from "./i18n.js";
import { Splitter } from "./parts.js";
import * as progress from "./progress.js";
import { showFacts } from "./results.js";
import { forgetFailures, photos, record, task, waiting } from "./session.js";
import { shrinkFurther } from "./shrink.js";
import { showSnippets } from "./snippets.js";
import { announce, showModels, showProblem } from "./status.js";
import { setBusy, takeUrls } from "./tray.js";

const AT_ONCE = 3;
/** What may be the fault of a photo; anything else would happen to every request. */
const OF_A_PHOTO = [400, 413, 500, 502, 504];
/** After as many failures and no success, the fault is not in the photos. */
const ENOUGH_FAILURES = 3;

/** @type {Run | null} */
let running = null;

/** Send the photos in the tray. Each answer is shown as it arrives. */
export async function start() {
  if (running || !takeUrls()) return;
  if (!waiting().length) return announce(() => t("Add a photo or a URL first."));
  if (task().mode === "anonymize" && !task().query) {
    return announce(() => t("Choose what to redact first."));
  }
  showProblem(null);
  const run = new Run(task(), waiting());
  running = run;
  showControls();
  progress.startProgress(run.total);
  announce(() => run.doing);
  try {
    await run.finish();
    end(() => t("Done."), run);
  } catch (error) {
    const canceled = run.canceled;
    end(() => (canceled ? t("Canceled.") : ""), run);
    if (!canceled) showProblem(error);
  }
}

/** Send the photos that failed again. */
function retryFailed() {
  if (running) return;
  forgetFailures();
  start();
}

/**
 * @param {() => string} message
 * @param {Run} run
 */
function end(message, run) {
  // A user who has moved on to something else keeps the focus there.
  const waited = [$("send"), $("cancel"), $("pause"), document.body].includes(
    /** @type {any} */ (document.activeElement),
  );
  const elapsed = progress.elapsed();
  running = null;
  progress.endProgress();
  showControls();
  announce(message);
  if (run.requests) showFacts(elapsed, run.requests, run.timing);
  if (run.canceled || waiting().length) return waited ? $("send").focus() : undefined;
  if (!waited) return;
  $("results-title").focus({ preventScroll: true });
  $("results").scrollIntoView();
}

function showControls() {
  setBusy(running !== null);
  $("cancel").hidden = $("pause").hidden = !running;
  $("pause").textContent = t(running?.paused ? "Resume" : "Pause");
}

/** One pass over the photos that wait. */
class Run {
  controller = new AbortController();
  paused = false;
  canceled = false;
  succeeded = 0;
  failed = 0;
  requests = 0;
  /** @type {Record<string, number>} Milliseconds for each step of the server, in total. */
  timing = {};
  /** @type {() => void} */
  wake = () => {};

  /**
   * @param {Task} asked
   * @param {Photo[]} queued
   */
  constructor(asked, queued) {
    this.task = asked;
    this.total = queued.length;
    this.signal = this.controller.signal;
    this.splitter = new Splitter(
      queued,
      (photo) => this.isWanted(photo),
      (photo, error) => this.keepFailure(photo, error),
      asked.mode === "anonymize" ? mostToRedact(asked) : undefined,
    );
  }

  /** What it does, in the status line. */
  get doing() {
    if (this.paused) return t("Paused.");
    return t(this.task.mode === "anonymize" ? "Redacting the photos…" : "Analyzing the photos…");
  }

  /** @param {Photo} photo */
  isWanted(photo) {
    const wanted = photos.includes(photo);
    if (!wanted) progress.showDone(photo, 1);
    return wanted;
  }

  /** Do all work; the first failure that is not the fault of a photo ends it. */
  async finish() {
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.work()));
    } catch (error) {
      this.controller.abort();
      throw error;
    }
  }

  async work() {
    for (;;) {
      const parts = await this.splitter.next(this.signal);
      if (!parts.length) return;
      await this.send(parts);
    }
  }

  /**
   * Send the photos that were not removed, when the work is not paused.
   *
   * @param {Part[]} parts
   */
  async send(parts) {
    if (this.paused) await this.resumed();
    const wanted = parts.filter(({ photo }) => this.isWanted(photo));
    if (wanted.length) await this.attempt(wanted);
  }

  /**
   * Send photos, and send them again in two halves if one may have failed the others.
   *
   * @param {Part[]} parts
   * @returns {Promise<void>}
   */
  async attempt(parts) {
    try {
      await this.ask(parts);
    } catch (error) {
      this.signal.throwIfAborted();
      progress.showDone(parts, 0);
      if (!(error instanceof ApiError) || !OF_A_PHOTO.includes(error.status)) throw error;
      if (parts.length > 1) {
        const middle = Math.ceil(parts.length / 2);
        await this.send(parts.slice(0, middle));
        return this.send(parts.slice(middle));
      }
      this.failed++;
      if (!this.succeeded && this.failed >= ENOUGH_FAILURES) throw error;
      this.keepFailure(parts[0].photo, error);
    }
  }

  /** @param {Part[]} parts */
  async ask(parts) {
    const { answer, sent, findings } = await exchange(this.task, parts, this.signal, {
      onsent: (share) => progress.showSent(parts, parts.length, share),
      onpause: (ms) => announceRetry(ms),
    });
    if (!this.requests++ && sent.mode !== "anonymize") showSnippets(sent);
    const groups = await groupsToRepeat(parts, findings);
    const repeated = groups.flat();
    const done = parts.length - repeated.length;
    this.succeeded += done;
    for (const [step, ms] of Object.entries(answer.timing_ms ?? {})) {
      if (typeof ms === "number") this.timing[step] = (this.timing[step] ?? 0) + ms;
    }
    /** @type {[Photo, Finding][]} */
    const found = parts.map(({ photo }, i) => [photo, findings[i]]);
    record(
      this.task,
      found.filter((_, i) => !repeated.includes(parts[i])),
    );
    progress.showDone(parts, done);
    showModels(answer.models);
    announce(() => this.doing);
    for (const group of groups) await this.send(group);
  }

  /**
   * @param {Photo} photo
   * @param {unknown} error
   */
  keepFailure(photo, error) {
    if (!(error instanceof ApiError)) throw error;
    record(this.task, [[photo, failure(error)]]);
    progress.showDone(photo, 1);
  }

  /** Finish the requests under way and send no others, or go on. */
  togglePause() {
    this.paused = !this.paused;
    if (this.paused) progress.pauseProgress();
    else {
      progress.resumeProgress();
      this.wake();
    }
    announce(() => this.doing);
    showControls();
  }

  /** @returns {Promise<void>} */
  resumed() {
    return new Promise((resolve, reject) => {
      const others = this.wake;
      this.wake = () => {
        others();
        resolve();
      };
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
  }

  cancel() {
    this.canceled = true;
    this.controller.abort();
  }
}

/**
 * Choose the photos that may succeed in another request, and group them.
 *
 * @param {Part[]} parts
 * @param {Finding[]} findings
 */
async function groupsToRepeat(parts, findings) {
  /** @param {string} code */
  const failedWith = (code) => parts.filter((_, i) => findings[i].result.error?.code === code);
  // The server answers before its deadline, without the photos that it did not reach.
  const late = failedWith("deadline_exceeded");
  // Redacted photos that have no room in one answer may have some in several.
  const large = failedWith("answer_too_large");
  const mayFit = parts.length > 1 || (large.length && (await shrinkFurther(parts[0])));
  return [
    ...(late.length && late.length < parts.length ? [late] : []),
    ...(mayFit ? large.map((part) => [part]) : []),
  ];
}

/**
 * Return how much to redact in one request, so that the answer has room for the photos.
 *
 * @param {Task} task
 */
const mostToRedact = ({ query }) => ({
  photos: 4,
  pixels: /output=(jpeg|webp)/.test(query) ? 8_000_000 : 2_000_000,
});

/** @param {number} ms */
function announceRetry(ms) {
  const seconds = Math.ceil(ms / 1000);
  announce(() =>
    plural(
      seconds,
      "The server is busy or cannot be reached. Trying again in {n} second…",
      "The server is busy or cannot be reached. Trying again in {n} seconds…",
    ),
  );
}

$("cancel").addEventListener("click", () => running?.cancel());
$("pause").addEventListener("click", () => running?.togglePause());
$("retry").addEventListener("click", retryFailed);
onLanguageChange(showControls);
