// The queue: sends the photos that wait, a few requests at a time, and keeps each answer.

/** @import { Finding, Part, Photo, SentRequest } from "./types" */
import { ApiError } from "./client.js";
import { $ } from "./dom.js";
import { exchange, failure } from "./exchange.js";
import { onLanguageChange, plural, t } from "./i18n.js";
import { Splitter } from "./parts.js";
import * as progress from "./progress.js";
import { showFacts } from "./results.js";
import { forgetFailures, mode, photos, record, waiting } from "./session.js";
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
  showProblem(null);
  const run = new Run(waiting());
  running = run;
  showControls();
  progress.startProgress(run.total);
  announce(() => t("Analyzing the photos…"));
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
  /** @type {SentRequest["mode"]} */
  mode = mode();
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

  /** @param {Photo[]} queued */
  constructor(queued) {
    this.total = queued.length;
    this.signal = this.controller.signal;
    this.splitter = new Splitter(
      queued,
      (photo) => this.isWanted(photo),
      (photo, error) => this.keepFailure(photo, error),
    );
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
      if (this.paused) await this.resumed();
      const wanted = parts.filter(({ photo }) => this.isWanted(photo));
      if (wanted.length) await this.send(wanted);
    }
  }

  /**
   * @param {Part[]} parts
   * @returns {Promise<void>}
   */
  async send(parts) {
    try {
      await this.ask(parts);
    } catch (error) {
      this.signal.throwIfAborted();
      progress.showDone(parts, 0);
      if (!(error instanceof ApiError) || !OF_A_PHOTO.includes(error.status)) throw error;
      if (parts.length > 1) {
        // One photo may have failed the others.
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
    const { answer, sent, findings } = await exchange(this.mode, parts, this.signal, {
      onsent: (share) => progress.showSent(parts, parts.length, share),
      onpause: (ms) => announceRetry(ms),
    });
    if (!this.requests++) showSnippets(sent);
    // The server answers before its deadline, without the photos that it did not reach.
    const late = parts.filter((_, i) => findings[i].result.error?.code === "deadline_exceeded");
    const again = late.length < parts.length ? late : [];
    const done = parts.length - again.length;
    this.succeeded += done;
    for (const [step, ms] of Object.entries(answer.timing_ms ?? {})) {
      if (typeof ms === "number") this.timing[step] = (this.timing[step] ?? 0) + ms;
    }
    /** @type {[Photo, Finding][]} */
    const found = parts.map(({ photo }, i) => [photo, findings[i]]);
    record(
      this.mode,
      found.filter((_, i) => !again.includes(parts[i])),
    );
    progress.showDone(parts, done);
    showModels(answer.models);
    announce(() => t(this.paused ? "Paused." : "Analyzing the photos…"));
    if (again.length) await this.send(again);
  }

  /**
   * @param {Photo} photo
   * @param {unknown} error
   */
  keepFailure(photo, error) {
    if (!(error instanceof ApiError)) throw error;
    record(this.mode, [[photo, failure(error)]]);
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
    announce(() => t(this.paused ? "Paused." : "Analyzing the photos…"));
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
