// A file of names with its answers: a table in pages, in which a person checks and corrects them.

/** @import { AnsweredRow, Judgment, Message, WrittenName } from "./types" */
/** @import { AnsweredFile } from "./rows.js" */
import { ApiError, apiFetch, limits, parseAnswer } from "./client.js";
import { $, download, make } from "./dom.js";
import { bytes, count, fullName, plural, t } from "./i18n.js";
import { choices, KINDS, loadTables, lookUp, tableRoute } from "./lookup.js";
import { doubtfulFirst, nameFor, needsLook, readAnswer, toCsv, writtenAlike } from "./rows.js";
import { explain } from "./status.js";

const PAGE = 50; // rows
const TYPING_PAUSE = 250; // milliseconds

/**
 * @typedef {object} FileMatch
 * @property {File} file
 * @property {AnsweredRow[]} before The rows of the same file in another table.
 * @property {string} [table]
 * @property {AnsweredFile} [answered]
 * @property {unknown} [error]
 */

/** @type {FileMatch | null} */
let fileMatch = null;
/** @type {AnsweredRow[]} The rows that the filter shows, in their order. */
let shown = [];
let first = 0; // of the page, in `shown`
/** @type {AnsweredRow | null} */
let edited = null;
let isSaved = true;
let looking = new AbortController(); // for the names that an edited row may mean

/**
 * Match a whole file. Nothing is downloaded before a click.
 *
 * @param {File} file
 * @param {AnsweredRow[]} [before] Its rows in another table, with what a person decided.
 */
async function matchFile(file, before = []) {
  /** @type {FileMatch} */
  const current = { file, before };
  fileMatch = current;
  edited = null;
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
    const response = await apiFetch(`${tableRoute()}?format=detailed`, { method: "POST", body });
    const text = await response.text();
    const answered = response.ok ? readAnswer(text) : null;
    if (!answered) parseAnswer(response.status, text, () => false);
    else {
      for (const { index, decision } of before) answered.rows[index].decision = decision;
      current.answered = answered;
    }
  } catch (error) {
    current.error = error;
  }
  if (current !== fileMatch) return;
  first = 0;
  chooseState("all");
  showFile();
  if (!before.length) $("answers").scrollIntoView({ block: "start" });
}

export function matchChosenFile() {
  const file = $("rows").files?.[0];
  if (file && (isSaved || confirm(t("Discard the answers that you checked?")))) {
    isSaved = true;
    matchFile(file);
  }
  $("rows").value = "";
}

/** Match the same file with the table that is chosen now, and keep what a person decided. */
export function matchFileAgain() {
  if (fileMatch) matchFile(fileMatch.file, fileMatch.answered?.rows ?? fileMatch.before);
}

export function showFile() {
  const { file, table = "", answered, error } = fileMatch ?? {};
  $("file-status").classList.toggle("problem", Boolean(error));
  $("answers").hidden = !answered;
  if (!file) return;
  const status = answered
    ? t("Matched {name} with the table {table}.", { name: file.name, table })
    : t("Matching {name}…", { name: file.name });
  $("file-status").replaceChildren(...(error ? explain(error) : [status]));
  if (answered) showAnswers(answered);
}

// The table ---------------------------------------------------------------------------------

/** @type {Record<string, (row: AnsweredRow) => boolean>} */
const STATES = {
  all: () => true,
  look: needsLook,
  sure: ({ judgment, decision }) => !decision && judgment === "sure",
  checked: ({ decision }) => decision !== null,
};

/** @type {NodeListOf<HTMLInputElement>} */
const radios = document.querySelectorAll("[name=row-state]");

/** @param {string} state */
function chooseState(state) {
  for (const radio of radios) radio.checked = radio.value === state;
}

/** @param {AnsweredFile} answered */
function showAnswers({ rows, header, width }) {
  for (const radio of radios) {
    const number = /** @type {HTMLElement} */ (radio.parentElement?.querySelector("b"));
    number.textContent = count(rows.filter(STATES[radio.value]).length);
  }
  const state = [...radios].find((radio) => radio.checked)?.value ?? "all";
  const chosen = rows.filter(STATES[state]);
  shown = $("row-order").value === "doubtful" ? doubtfulFirst(chosen) : chosen;
  first = Math.min(first, Math.max(0, Math.ceil(shown.length / PAGE) - 1) * PAGE);
  const titles = Array.from(
    { length: width },
    (_, i) => header[i] || t("Column {n}", { n: i + 1 }),
  );
  const page = shown.slice(first, first + PAGE);
  $("answer-head").replaceChildren(
    make("th.number", { scope: "col" }, t("Row")),
    make("th.name", { scope: "col" }, t("Answer")),
    ...titles.map((title) => make("th", { scope: "col" }, title)),
  );
  $("answer-rows").replaceChildren(
    ...page.flatMap((row) => [drawRow(row, titles), ...(row === edited ? [drawEditor(row)] : [])]),
  );
  $("answer-table").hidden = !shown.length;
  $("no-row").hidden = shown.length > 0;
  $("pager").hidden = shown.length <= PAGE;
  $("page-rows").textContent = t("Rows {from} to {to} of {n}", {
    from: count(first + 1),
    to: count(first + page.length),
    n: count(shown.length),
  });
  $("page-before").setAttribute("aria-disabled", String(first === 0));
  $("page-after").setAttribute("aria-disabled", String(first + PAGE >= shown.length));
}

function redraw() {
  if (fileMatch?.answered) showAnswers(fileMatch.answered);
}

/** @type {Record<Judgment, Message>} */
const JUDGMENTS = {
  sure: "Certain name",
  doubtful: "Doubtful",
  partial: "Make only",
  none: "No match",
  blank: "Empty",
};

/**
 * @param {AnsweredRow} row
 * @param {string[]} titles
 */
function drawRow(row, titles) {
  const { index, cells, answer, judgment, decision } = row;
  const name = fullName(nameFor(row));
  const how = decision ? "checked" : judgment;
  const label = decision ? t("Checked by you") : t(KINDS[answer.kind] ?? JUDGMENTS[judgment]);
  const score = answer.model ? answer.score : answer.score_make;
  const hasScore = how === "sure" || how === "doubtful";
  const number = count(index + 1);
  const open = make(
    "button.button.small.edit",
    {
      type: "button",
      id: `edit-${index}`,
      "aria-expanded": String(row === edited),
      "aria-label": t("Edit row {n}", { n: number }),
      onclick: () => edit(row === edited ? null : row),
    },
    t("Edit"),
  );
  return make(
    "tr",
    { "data-state": how },
    make("th.number", { scope: "row", "data-title": t("Row") }, number),
    make(
      "td.name",
      {},
      make(
        "div.name-line",
        {},
        make(
          "div",
          {},
          make("strong", {}, name || "–"),
          make("span.judgment", {}, hasScore ? `${label} · ${score}` : label),
        ),
        open,
      ),
    ),
    ...cells.map((cell, i) => make("td", { "data-title": titles[i] }, unescaped(cell))),
  );
}

/**
 * Return a cell without the apostrophe in front of a formula, which only a spreadsheet needs.
 *
 * @param {string} cell
 */
const unescaped = (cell) => cell.replace(/^'(?=\W)/, "");

// Editing --------------------------------------------------------------------------------

/** @param {AnsweredRow | null} row */
function edit(row) {
  const before = edited;
  looking.abort();
  edited = row;
  redraw();
  if (row) $("answer-rows").querySelector("input")?.focus();
  else if (before) focusRow(before);
}

/**
 * Focus the button of a row, or of the one that took its place.
 *
 * @param {AnsweredRow} row
 * @param {number} [place] Where it was on the page.
 */
function focusRow(row, place = 0) {
  const buttons = /** @type {NodeListOf<HTMLElement>} */ (
    $("answer-rows").querySelectorAll(".edit")
  );
  const next = buttons[Math.min(place, buttons.length - 1)];
  (document.getElementById(`edit-${row.index}`) ?? next ?? $("answers-title")).focus();
}

/** @param {AnsweredRow} row */
function drawEditor(row) {
  // A name that was not found may only need another spelling.
  const { make: maker, model } = row.decision || row.answer.make ? nameFor(row) : row.written;
  const fields = {
    make: make("input", { ...FIELD, id: "row-make", value: maker }),
    model: make("input", { ...FIELD, id: "row-model", value: model }),
  };
  const meant = make("div", { role: "status" });
  const alike = writtenAlike(fileMatch?.answered?.rows ?? [], row);
  const all = make("input", { type: "checkbox", checked: true });
  /** @param {WrittenName | null} name */
  const keep = (name) => decide(all.checked ? alike : [row], row, name);
  const written = () => ({ make: fields.make.value.trim(), model: fields.model.value.trim() });
  /** @param {WrittenName} name */
  const suggest = (name) => showMeant(name, meant, keep);
  let timer = 0;
  const oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(() => suggest(written()), TYPING_PAUSE);
  };
  const form = make(
    "form.editor-form",
    {
      oninput,
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        keep(written());
      },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape") edit(null);
      },
    },
    make("p.hint", {}, t("Written: {name}", { name: fullName(row.written) || "–" })),
    meant,
    make(
      "div.written",
      {},
      make("label.field", {}, make("span", {}, t("Make")), fields.make),
      make("label.field", {}, make("span", {}, t("Model")), fields.model),
    ),
    alike.length > 1 ? make("label.alike", {}, all, alikeText(alike.length - 1)) : null,
    make(
      "div.row",
      {},
      make("button.button.small.primary", {}, t("Save")),
      make(
        "button.button.small",
        { type: "button", onclick: () => keep({ make: "", model: "" }) },
        t("No name fits"),
      ),
      row.decision &&
        make("button.button.small", { type: "button", onclick: () => keep(null) }, t("Undo")),
      make("button.button.small.quiet", { type: "button", onclick: () => edit(null) }, t("Cancel")),
    ),
  );
  suggest(row.written);
  const columns = row.cells.length + 2;
  return make("tr.editor", {}, make("td", { colspan: String(columns) }, form));
}

const FIELD = { type: "text", maxlength: "200", autocomplete: "off", spellcheck: "false" };

/** @param {number} n */
const alikeText = (n) =>
  plural(n, "Also {n} other row written like this", "Also {n} other rows written like this");

/**
 * Show the names that a text may mean.
 *
 * @param {WrittenName} name
 * @param {HTMLElement} meant
 * @param {(name: WrittenName) => void} onchoose
 */
async function showMeant(name, meant, onchoose) {
  looking.abort();
  looking = new AbortController();
  const { signal } = looking;
  meant.replaceChildren();
  if (!name.make && !name.model) return;
  try {
    const found = await lookUp(name, signal);
    if (signal.aborted) return;
    const names = [...(found.make ? [found] : []), ...found.alternatives];
    if (!names.length) return;
    meant.replaceChildren(make("p.field-name", {}, t("Did you mean")), choices(names, onchoose));
  } catch (error) {
    if (!signal.aborted) meant.replaceChildren(...explain(error));
  }
}

/**
 * @param {AnsweredRow[]} rows
 * @param {AnsweredRow} row The one that was edited.
 * @param {WrittenName | null} name null takes a decision back.
 */
function decide(rows, row, name) {
  const place = shown.slice(first, first + PAGE).indexOf(row);
  for (const each of rows) each.decision = name;
  isSaved = false;
  edited = null;
  looking.abort();
  redraw();
  focusRow(row, place);
  $("answers-status").textContent = name
    ? plural(rows.length, "{n} row checked.", "{n} rows checked.")
    : plural(rows.length, "{n} row is undecided again.", "{n} rows are undecided again.");
}

function saveFile() {
  if (!fileMatch?.answered) return;
  const { file, table, answered } = fileMatch;
  const blob = new Blob([toCsv(answered)], { type: "text/csv" });
  download(blob, `${file.name.replace(/\.\w+$/, "")}-${table}-carlens.csv`);
  isSaved = true;
}

/** @param {number} by */
function turnPage(by) {
  if (first + by < 0 || first + by >= shown.length) return;
  first += by;
  edited = null;
  redraw();
  $("answers-title").scrollIntoView({ block: "start" });
}

$("rows").addEventListener("change", matchChosenFile);
$("save-rows").addEventListener("click", saveFile);
$("page-before").addEventListener("click", () => turnPage(-PAGE));
$("page-after").addEventListener("click", () => turnPage(PAGE));
for (const control of [...radios, $("row-order")]) {
  control.addEventListener("change", () => {
    first = 0;
    edited = null;
    redraw();
  });
}
addEventListener("beforeunload", (event) => {
  if (!isSaved) event.preventDefault(); // what was decided exists on this page only
});
