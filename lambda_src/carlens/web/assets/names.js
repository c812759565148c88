// The names view: one name that is matched as it is typed, and whole files.

/** @import { Message, NameMatch } from "./types" */
import { ApiError, apiFetch, limits, parseAnswer } from "./client.js";
import { $, bar, download, make } from "./dom.js";
import { bytes, fullName, onLanguageChange, t } from "./i18n.js";
import { explain } from "./status.js";

const TYPING_PAUSE = 250; // milliseconds without a key before the server is asked
const CANDIDATES = 6; // the match and five alternatives

let latest = new AbortController(); // aborts the last request
let timer = 0;
/** @type {{ answer: NameMatch } | { error: unknown } | null} */
let matched = null;

/**
 * Fill the menu of tables once; every request needs a table.
 *
 * @param {AbortSignal} [signal]
 */
async function loadTables(signal) {
  if ($("table").options.length) return;
  const response = await apiFetch("norm", { signal });
  const { tables } = parseAnswer(response.status, await response.text(), (answer) =>
    Array.isArray(answer?.tables),
  );
  if ($("table").options.length) return; // another request was faster
  for (const name of tables) $("table").append(make("option", {}, name));
}

const tableRoute = () => `norm/${encodeURIComponent($("table").value)}`;

/** Match the name in the fields, and drop the answer if another request follows meanwhile. */
export async function matchName() {
  clearTimeout(timer);
  latest.abort();
  latest = new AbortController();
  const { signal } = latest;
  let outcome = null;
  try {
    await loadTables(signal);
    outcome = await requestMatch($("make").value.trim(), $("model").value.trim(), signal);
  } catch (error) {
    outcome = { error };
  }
  if (signal.aborted) return;
  matched = outcome;
  showMatch();
}

/**
 * @param {string} maker
 * @param {string} model
 * @param {AbortSignal} signal
 * @returns {Promise<{ answer: NameMatch } | null>} null without a name.
 */
async function requestMatch(maker, model, signal) {
  if (!maker && !model) return null;
  const query = new URLSearchParams({ make: maker, model, top_k: String(CANDIDATES) });
  const response = await apiFetch(`${tableRoute()}?${query}`, { signal });
  const answer = parseAnswer(
    response.status,
    await response.text(),
    (value) => typeof value?.make === "string",
  );
  return { answer };
}

/** Show the match, its scores and its alternatives, or what went wrong. */
function showMatch() {
  const failed = matched !== null && "error" in matched;
  $("match").classList.toggle("problem", failed);
  $("scores").hidden = matched === null || failed;
  if (!matched) {
    $("match").replaceChildren(make("p.hint", {}, t("Enter a make, a model or both.")));
  } else if ("error" in matched) {
    $("match").replaceChildren(...explain(matched.error));
  } else {
    $("match").replaceChildren(...describeMatch(matched.answer));
    $("scores").replaceChildren(...describeScores(matched.answer));
  }
}

/** @type {Record<string, Message>} */
const KINDS = {
  motorcycle: "A motorcycle that is not in this table.",
  truck: "A truck that is not in this table.",
  bus: "A bus that is not in this table.",
  tractor: "A tractor that is not in this table.",
  caravan: "A caravan or motorhome that is not in this table.",
  trailer: "A trailer that is not in this table.",
  car: "A car that is not in this table.",
};

/** @type {Record<string, Message>} */
const REASONS = { same_model: "same model", similar_make: "similar make" };

/** @param {NameMatch} match */
function describeMatch(match) {
  const unlike = match.make
    ? t("No model of this make is similar enough.")
    : t("Nothing in this table is similar enough.");
  const missing = match.kind ? t(KINDS[match.kind]) : unlike;
  return [
    ...(match.make ? [make("strong", {}, fullName(match))] : []),
    ...(match.model ? [] : [make("p.hint", {}, missing)]),
  ];
}

/** @param {NameMatch} match */
function describeScores(match) {
  /** @type {[string, number][]} */
  const others = match.alternatives.map((other) => {
    const reason = REASONS[other.reason]; // a similar model needs no explanation
    return [fullName(other) + (reason ? ` (${t(reason)})` : ""), other.score];
  });
  return [
    scoreBars([
      [t("Make"), match.score_make],
      [t("Model"), match.score_model],
      [t("Overall"), match.score],
    ]),
    make("p.hint", {}, t("Scores are out of 100.")),
    ...(others.length ? [make("h3", {}, t("Alternatives")), scoreBars(others, "others")] : []),
  ];
}

/**
 * @param {[string, number][]} rows
 * @param {string} [id]
 */
function scoreBars(rows, id) {
  const bars = rows.map(([text, score]) => bar(text, score, score / 100));
  return make("ol.bars", { role: "list", id }, ...bars);
}

/**
 * @typedef {object} FileMatch
 * @property {File} file
 * @property {string} [table]
 * @property {Blob} [blob] The answer.
 * @property {string} [start] Its first lines.
 * @property {unknown} [error]
 */

/** @type {FileMatch | null} */
let fileMatch = null;

/**
 * Match a whole file. The answer waits for a click, so that no download comes as a surprise.
 *
 * @param {File} file
 */
async function matchFile(file) {
  /** @type {FileMatch} */
  const current = { file };
  fileMatch = current;
  showFile();
  try {
    if (file.size > limits.request_bytes) {
      throw new ApiError(
        "This file is larger than {max}. Split it and send the parts one at a time.",
        { values: { max: bytes(limits.request_bytes) } },
      );
    }
    await loadTables();
    current.table = $("table").value;
    const body = new FormData();
    body.append("file", file);
    const response = await apiFetch(tableRoute(), { method: "POST", body });
    if (!response.ok) parseAnswer(response.status, await response.text(), () => false);
    const blob = await response.blob();
    current.start = (await blob.slice(0, 2000).text()).split("\n").slice(0, 8).join("\n");
    current.blob = blob;
  } catch (error) {
    current.error = error;
  }
  if (current === fileMatch) showFile();
}

function matchChosenFile() {
  const file = $("rows").files?.[0];
  if (file) matchFile(file);
  $("rows").value = "";
}

function showFile() {
  $("file-status").classList.toggle("problem", Boolean(fileMatch?.error));
  $("save-rows").hidden = $("file-start").hidden = !fileMatch?.blob;
  $("file-start").textContent = fileMatch?.start ?? "";
  if (!fileMatch) return;
  const { file, table = "", blob, error } = fileMatch;
  const status = blob
    ? t("Matched {name} with the table {table}.", { name: file.name, table })
    : t("Matching {name}…", { name: file.name });
  $("file-status").replaceChildren(...(error ? explain(error) : [status]));
}

function saveFile() {
  if (!fileMatch?.blob) return;
  const { file, table, blob } = fileMatch;
  download(blob, `${file.name.replace(/\.\w+$/, "")}-${table}-carlens.csv`);
}

for (const input of [$("make"), $("model")]) {
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(matchName, TYPING_PAUSE);
  });
}
$("table").addEventListener("change", () => {
  matchName();
  if (fileMatch) matchFile(fileMatch.file);
});
$("rows").addEventListener("change", matchChosenFile);
matchChosenFile(); // a file may have been chosen while this module was loading
$("save-rows").addEventListener("click", saveFile);
onLanguageChange(() => {
  showMatch();
  showFile();
});
