// The results: their headline, the filters, and the photos as cards or as a grid.

/** @import { Card, DetectionMode, Finding, Message, Photo, PhotoState, SortOrder } from "./types" */
import { makeCard, offerToEnlarge } from "./detail.js";
import { $, download, loadStyles, make, style } from "./dom.js";
import * as filtering from "./filters.js";
import { Grid } from "./grid.js";
import { className, count, duration, onLanguageChange, percent, plural, t } from "./i18n.js";
import { analyzed, findingOf, mode, onSessionChange, photos } from "./session.js";
import { announce, copy, explain, showProblem } from "./status.js";
import { vehicleTiles } from "./tiles.js";

// The results are drawn when their styles have arrived.
await loadStyles(new URL("results.css", import.meta.url).href);

/** So many photos are shown in full, each with its list; more are a grid. */
const CARDS = 3;

const { filters } = filtering;
/** @type {Card[]} */
let cards = [];
const grid = new Grid($("grid"), vehicleTiles, openViewer);

/** @param {Photo} photo */
async function openViewer(photo) {
  try {
    const viewer = await import("./viewer.js");
    viewer.openViewer(filtering.shownPhotos(), photo, (last) => grid.focus(last));
  } catch (error) {
    showProblem(error);
  }
}

/** Show what was found in the photos so far. */
function showResults() {
  const looking = mode();
  $("results").hidden = !analyzed().length;
  $("retry").hidden = !analyzed().some(filtering.hasFailed);
  showCorrections();
  if ($("results").hidden || looking === "anonymize") {
    showCards([]);
    grid.show([]);
    return;
  }
  const few = analyzed().length <= CARDS;
  $("cards").hidden = !few;
  $("grid").hidden = few;
  $("states").hidden = $("sorting").hidden = few;
  showCards(few ? analyzed() : [], looking);
  const all = analyzed().flatMap(filtering.objectsOf);
  $("filter").hidden = !all.length && few;
  $("legend").hidden = !all.length || !analyzed().some((photo) => findingOf(photo)?.named);
  filter();
}

/**
 * @param {Photo[]} shown
 * @param {DetectionMode} [looking]
 */
function showCards(shown, looking = "predict") {
  const before = new Map(cards.map((card) => [card.photo, card]));
  cards = shown.map((photo) => {
    const finding = /** @type {Finding} */ (findingOf(photo));
    const card = before.get(photo);
    const stays = card?.mode === looking && (!card.failed || card.result === finding.result);
    if (!card || !stays) return makeLargeCard(photo, finding, looking);
    if (card.result !== finding.result) card.revise(finding.result);
    before.delete(photo);
    return card;
  });
  for (const card of before.values()) card.close();
  const elements = cards.map(({ element }) => element);
  if (elements.some((element, i) => $("cards").children[i] !== element) || before.size) {
    $("cards").replaceChildren(...elements);
  }
}

/**
 * @param {Photo} photo
 * @param {Finding} finding
 * @param {DetectionMode} looking
 */
function makeLargeCard(photo, finding, looking) {
  const card = makeCard(photo, finding, looking);
  offerToEnlarge(card.element, () => openViewer(photo));
  return card;
}

let corrections = "";

/** Say how many vehicles the user has named, and offer them for teaching. */
function showCorrections() {
  const named = photos.flatMap(namedByUser);
  $("corrections").hidden = $("legend-own").hidden = !named.length || mode() !== "predict";
  $("corrections-count").textContent = plural(
    named.length,
    "You named {n} vehicle.",
    "You named {n} vehicles.",
    { n: count(named.length) },
  );
  const current = JSON.stringify(named.map(({ correction }) => correction));
  if (current !== corrections) $("corrections-report").replaceChildren();
  corrections = current;
}

/** @param {Photo} photo */
const namedByUser = ({ findings }) =>
  (findings.predict?.result.objects ?? []).filter(({ correction }) => correction?.make);

$("save-corrections").addEventListener("click", async () => {
  const report = $("corrections-report");
  try {
    const teaching = await import("./teaching.js");
    const named = photos.filter((photo) => namedByUser(photo).length);
    report.replaceChildren(...(await teaching.saveCorrections(named)));
  } catch (error) {
    report.replaceChildren(...explain(error));
  }
});

/** Show what the filters let through. */
function filter() {
  const passing = analyzed().flatMap(filtering.shownObjects).length;
  const total = analyzed().flatMap(filtering.objectsOf).length;
  const shown = t("{n} of {total} shown", { n: count(passing), total: count(total) });
  $("level").textContent = percent(filters.threshold);
  $("shown").textContent = shown;
  $("threshold").setAttribute("aria-valuetext", `${percent(filters.threshold)}, ${shown}`);
  showStates();
  showChips();
  $("results-title").textContent = headline(passing, total);
  if ($("grid").hidden) for (const card of cards) card.filter(filtering.passes);
  else showGrid();
}

function showGrid() {
  const shown = filtering.shownPhotos();
  $("no-match").hidden = shown.length > 0;
  grid.show(shown);
}

/** Show the counts of kinds and makes, each a switch. */
function showChips() {
  const confident = analyzed().flatMap(filtering.objectsOf).filter(filtering.isConfident);
  const kinds = filtering.tally(confident.map((object) => object.class_name));
  const makes = filtering.tally(confident.map(filtering.makeOf).filter(Boolean));
  fillChips("kinds", filters.kinds, kinds, className);
  fillChips("makes", filters.makes, makes, (name) => name);
}

/**
 * @param {"kinds" | "makes"} id
 * @param {Set<string>} chosen
 * @param {Map<string, number>} counts
 * @param {(value: string) => string} title
 */
function fillChips(id, chosen, counts, title) {
  for (const value of chosen) if (!counts.has(value)) counts.set(value, 0);
  const list = $(`${id}-list`);
  const focused = /** @type {HTMLInputElement | null} */ (list.querySelector(":focus"))?.value;
  const chips = [...counts].map(([value, n]) => chip(value, title(value), n, chosen));
  list.replaceChildren(...chips);
  $(id).hidden = counts.size < 2 && !chosen.size;
  if (focused)
    chips
      .map((c) => c.querySelector("input"))
      .find((i) => i?.value === focused)
      ?.focus();
}

/**
 * @param {string} value
 * @param {string} title
 * @param {number} n
 * @param {Set<string>} chosen
 */
function chip(value, title, n, chosen) {
  const box = make("input", { type: "checkbox", value, checked: chosen.has(value) });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(value);
    else chosen.delete(value);
    filter();
    announce(() => $("shown").textContent ?? "");
  });
  return make("label", {}, box, make("span", {}, `${title} `, make("b", {}, count(n))));
}

function showStates() {
  const counts = new Map(filtering.countStates());
  for (const radio of $("states").querySelectorAll("input")) {
    const n = counts.get(/** @type {PhotoState} */ (radio.value)) ?? 0;
    const label = /** @type {HTMLElement} */ (radio.closest("label"));
    /** @type {HTMLElement} */ (label.querySelector("b")).textContent = count(n);
    label.hidden = n === 0 && radio.value !== "all" && radio.value !== filters.state;
  }
}

/** @type {Record<DetectionMode, [Message, Message, Message]>} */
const FOUND = {
  predict: ["{n} vehicle", "{n} vehicles", "No vehicles"],
  object_detection: ["{n} object", "{n} objects", "No objects"],
};

/**
 * Sum up the results in a line. A photo without objects is not the same as a strict filter.
 *
 * @param {number} passing
 * @param {number} total
 */
function headline(passing, total) {
  const failed = analyzed().filter(filtering.hasFailed).length;
  const succeeded = analyzed().length - failed;
  if (!succeeded) return plural(failed, "{n} photo failed", "{n} photos failed");
  const [one, many, none] = FOUND[/** @type {DetectionMode} */ (mode())];
  /** @param {number} n */
  const found = (n) => (n ? plural(n, one, many, { n: count(n) }) : t(none));
  const summary =
    total && !passing
      ? plural(total, "0 of {found} passes the filters", "0 of {found} pass the filters", {
          found: found(total),
        })
      : plural(succeeded, "{found} in {n} photo", "{found} in {n} photos", {
          found: found(passing),
          n: count(succeeded),
        });
  return summary + (failed ? t(", {n} failed", { n: failed }) : "");
}

/**
 * Show how long the last requests took.
 *
 * @param {number} elapsed In milliseconds.
 * @param {number} requests
 * @param {Record<string, number>} timing The steps of the server in milliseconds.
 */
export function showFacts(elapsed, requests, { total, ...steps }) {
  writeFacts = () => {
    const time = duration(elapsed);
    const facts = [
      requests === 1
        ? t("Round trip {time}", { time })
        : t("{n} requests in {time}", { n: requests, time }),
      ...(total === undefined ? [] : [t("Carlens {time}", { time: duration(total) })]),
      ...Object.entries(steps).map(([step, ms]) =>
        t(/** @type {Message} */ (`${step} {time}`), { time: duration(ms) }),
      ),
    ];
    $("facts").replaceChildren(...facts.map((fact) => make("span", {}, fact)));
  };
  writeFacts();
}

let writeFacts = () => {};

// Exports -----------------------------------------------------------------------------------

/** The results to export: all, or what the filters show. */
function rows() {
  const filtered = $("scope").value === "filtered";
  const chosen = $("grid").hidden ? analyzed() : filtering.shownPhotos();
  return (filtered ? chosen : analyzed()).map((photo) => {
    const { result } = /** @type {Finding} */ (findingOf(photo));
    const objects = filtered ? result.objects.filter(filtering.passes) : result.objects;
    return { photo, index: photos.indexOf(photo), result: { ...result, objects } };
  });
}

/** @typedef {typeof import("./export.js")} Exports */

/** @type {[string, (exports: Exports) => unknown][]} */
const EXPORTS = [
  ["copy-json", ({ toJson }) => copy(toJson(rows()), $("copy-json"))],
  ["save-json", ({ toJson }) => save(toJson(rows()), "application/json", "carlens.json")],
  ["save-csv", ({ toCsv }) => save(toCsv(rows()), "text/csv", "carlens.csv")],
  ["save-coco", ({ toCoco }) => save(toCoco(rows()), "application/json", "carlens-coco.json")],
  ["save-zip", ({ saveZip }) => saveZip(rows())],
];

/**
 * @param {string} text
 * @param {string} type
 * @param {string} name
 */
const save = (text, type, name) => download(new Blob([text], { type }), name);

for (const [id, run] of EXPORTS) {
  $(id).addEventListener("click", async () => {
    $("export-problem").replaceChildren();
    try {
      await run(await import("./export.js"));
    } catch (error) {
      $("export-problem").replaceChildren(...explain(error));
    }
  });
}

document.addEventListener("click", ({ target }) => {
  if (target instanceof Node && !$("export").contains(target)) $("export").open = false;
});
$("export").addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  $("export").open = false;
  $("export").querySelector("summary")?.focus();
});

// What scrolls into view must not end up below the filters, however many lines they take.
new ResizeObserver(() => {
  style(document.documentElement, { "--filter-height": `${$("filter").offsetHeight}px` });
}).observe($("filter"));

$("threshold").addEventListener("input", () => {
  filters.threshold = Number($("threshold").value) / 100;
  filter();
});
$("states").addEventListener("change", ({ target }) => {
  filters.state = /** @type {PhotoState} */ (/** @type {HTMLInputElement} */ (target).value);
  filter();
});
$("sort").addEventListener("change", () => {
  filters.order = /** @type {SortOrder} */ ($("sort").value);
  filter();
});

onSessionChange(showResults);
onLanguageChange(() => {
  const open = cards.map((card) => card.items.map((item) => item.row.open));
  for (const card of cards) card.close();
  cards = [];
  $("corrections-report").replaceChildren();
  showResults();
  writeFacts();
  for (const [i, card] of cards.entries()) {
    for (const [j, item] of card.items.entries()) item.row.open = open[i][j];
  }
});
// A browser may keep what was chosen before a reload.
filters.threshold = Number($("threshold").value) / 100;
filters.order = /** @type {SortOrder} */ ($("sort").value);
/** @type {HTMLInputElement | null} */
const chosen = $("states").querySelector(":checked");
if (chosen) filters.state = /** @type {PhotoState} */ (chosen.value);
showResults();
