// The names view: one name that is matched as it is typed. Whole files are in answers.js.

/** @import { NameMatch, WrittenName } from "./types" */
import { matchChosenFile, matchFileAgain, showFile } from "./answers.js";
import { $, bar, loadStyles, make } from "./dom.js";
import { fullName, onLanguageChange, t } from "./i18n.js";
import { choices, judge, KINDS, loadTables, lookUp } from "./lookup.js";
import { explain } from "./status.js";

// The view is drawn when its styles have arrived.
await loadStyles(new URL("names.css", import.meta.url).href);

const TYPING_PAUSE = 250; // milliseconds without a key before the server is asked

let latest = new AbortController(); // aborts the last request
let timer = 0;
/** @type {{ written: WrittenName, answer: NameMatch } | { error: unknown } | null} */
let matched = null;

/** Match the name in the fields, and drop the answer if another request follows meanwhile. */
export async function matchName() {
  clearTimeout(timer);
  latest.abort();
  latest = new AbortController();
  const { signal } = latest;
  let outcome = null;
  try {
    await loadTables(signal);
    const written = { make: $("make").value.trim(), model: $("model").value.trim() };
    const isEmpty = !written.make && !written.model;
    outcome = isEmpty ? null : { written, answer: await lookUp(written, signal) };
  } catch (error) {
    outcome = { error };
  }
  if (signal.aborted) return;
  matched = outcome;
  showMatch();
}

/** Show the match, its scores and its alternatives, or what went wrong. */
function showMatch() {
  const failed = matched !== null && "error" in matched;
  $("match").classList.toggle("problem", failed);
  $("scores").hidden = true;
  if (!matched) {
    $("match").replaceChildren(make("p.hint", {}, t("Enter a make, a model or both.")));
  } else if ("error" in matched) {
    $("match").replaceChildren(...explain(matched.error));
  } else {
    const { written, answer } = matched;
    const judgment = judge(written, answer);
    const isShown = judgment === "sure" || judgment === "partial";
    $("match").replaceChildren(...describeMatch(written, answer, isShown));
    $("scores").replaceChildren(...describeScores(written, answer, isShown));
    $("scores").hidden = !$("scores").childElementCount;
  }
}

/**
 * @param {WrittenName} written
 * @param {NameMatch} match
 * @param {boolean} isShown Whether the match is sure enough to be shown.
 */
function describeMatch(written, match, isShown) {
  if (!isShown) {
    const unsure = match.make || match.alternatives.length;
    const text = unsure ? "No name is certain." : "Nothing in this table is similar enough.";
    return [make("p.hint", {}, t(match.kind ? KINDS[match.kind] : text))];
  }
  const missing = match.kind ? KINDS[match.kind] : "No model of this make is similar enough.";
  const lacks = written.model && !match.model;
  return [make("strong", {}, fullName(match)), ...(lacks ? [make("p.hint", {}, t(missing))] : [])];
}

/**
 * @param {WrittenName} written
 * @param {NameMatch} match
 * @param {boolean} isShown
 */
function describeScores(written, match, isShown) {
  const names = isShown || !match.make ? match.alternatives : [match, ...match.alternatives];
  const title = isShown && match.model ? "Alternatives" : "Did you mean";
  const others = names.length
    ? [make("h3", {}, t(title)), make("div", { id: "others" }, choices(names, choose))]
    : [];
  if (!isShown) return others;
  /** @type {[string, number][]} */
  const scores = [];
  if (written.make || !match.model) scores.push([t("Make"), match.score_make]);
  if (written.model) scores.push([t("Model"), match.score_model]);
  if (match.model) scores.push([t("Overall"), match.score]);
  const bars = scores.map(([text, score]) => bar(text, score, score / 100));
  return [
    make("ol.bars", { role: "list" }, ...bars),
    make("p.hint", {}, t("Scores are out of 100.")),
    ...others,
  ];
}

/** @param {WrittenName} name */
function choose(name) {
  $("make").value = name.make;
  $("model").value = name.model;
  $("make").focus();
  matchName();
}

for (const input of [$("make"), $("model")]) {
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(matchName, TYPING_PAUSE);
  });
}
$("table").addEventListener("change", () => {
  matchName();
  matchFileAgain();
});
matchChosenFile(); // a file may have been chosen while this module was loading
onLanguageChange(() => {
  showMatch();
  showFile();
});
