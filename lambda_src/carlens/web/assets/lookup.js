// Looking up one name in a table of the catalog, and how sure a match is.

/** @import { Judgment, Message, NameMatch, WrittenName } from "./types" */
import { apiFetch, parseAnswer } from "./client.js";
import { $, make } from "./dom.js";
import { fullName, t } from "./i18n.js";

const CANDIDATES = 6; // the match and five alternatives

/**
 * The lowest score of a match to rely on, by what is written. `python -m benchmarks.catalog --alone`
 * measures how many are right from there on, and how few below.
 */
const MIN_SCORES = { both: 65, make: 85, model: 95 };

/**
 * Judge a match by the threshold of what was written.
 *
 * @param {WrittenName} written
 * @param {Pick<NameMatch, "make" | "model" | "score" | "score_make">} match
 * @returns {Judgment}
 */
export function judge(written, match) {
  const given = whatIsGiven(written);
  if (given === "nothing") return "blank";
  if (!match.make) return "none";
  if (given === "both" && !match.model) return "partial";
  // The overall score of a make without a model is at most 40.
  const score = match.model ? match.score : match.score_make;
  return score >= MIN_SCORES[given] ? "sure" : "doubtful";
}

/** @param {WrittenName} written */
function whatIsGiven({ make: maker, model }) {
  if (!maker.trim()) return model.trim() ? "model" : "nothing";
  return model.trim() ? "both" : "make";
}

/**
 * Fill the menu of tables once; every request needs a table.
 *
 * @param {AbortSignal} [signal]
 */
export async function loadTables(signal) {
  if ($("table").options.length) return;
  const response = await apiFetch("norm", { signal });
  const { tables } = parseAnswer(response.status, await response.text(), (answer) =>
    Array.isArray(answer?.tables),
  );
  if ($("table").options.length) return; // another request was faster
  for (const name of tables) $("table").append(make("option", {}, name));
}

export const tableRoute = () => `norm/${encodeURIComponent($("table").value)}`;

/**
 * @param {WrittenName} written One of the two may be empty.
 * @param {AbortSignal} signal
 * @returns {Promise<NameMatch>} With alternatives.
 */
export async function lookUp(written, signal) {
  const query = new URLSearchParams({ ...written, top_k: String(CANDIDATES) });
  const response = await apiFetch(`${tableRoute()}?${query}`, { signal });
  return parseAnswer(
    response.status,
    await response.text(),
    (value) => typeof value?.make === "string",
  );
}

/**
 * What a text names that the table lacks.
 *
 * @type {Record<string, Message>}
 */
export const KINDS = {
  motorcycle: "A motorcycle that is not in this table.",
  truck: "A truck that is not in this table.",
  bus: "A bus that is not in this table.",
  tractor: "A tractor that is not in this table.",
  caravan: "A caravan or motorhome that is not in this table.",
  trailer: "A trailer that is not in this table.",
  car: "A car that is not in this table.",
};

/** @type {Record<string, "same model" | "similar make">} */
const REASONS = { same_model: "same model", similar_make: "similar make" };

/**
 * Make a button for each name that may be meant.
 *
 * @param {(WrittenName & { reason?: string })[]} names
 * @param {(name: WrittenName) => void} onchoose
 */
export function choices(names, onchoose) {
  const buttons = names.map((name) => {
    const reason = REASONS[name.reason ?? ""]; // a similar model needs no explanation
    const note = reason && name.model ? make("small", {}, t(reason)) : null;
    const onclick = () => onchoose({ make: name.make, model: name.model });
    return make("button.button.small", { type: "button", onclick }, fullName(name), note);
  });
  return make("div.meant", {}, ...buttons);
}
