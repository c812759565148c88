// The results: a card for each photo, and the controls that filter them.

/** @import { Card, Detection, Finding, Message, Mode } from "./types" */
import { makeCard } from "./detail.js";
import { $, download, make, style, sum } from "./dom.js";
import { toCsv } from "./export.js";
import { className, duration, onLanguageChange, percent, plural, t } from "./i18n.js";
import { analyzed, findingOf, mode, onSessionChange } from "./session.js";
import { announce, copy } from "./status.js";

/** @type {Card[]} */
let cards = [];
/**
 * The classes to show; none stands for all.
 *
 * @type {Set<string>}
 */
const only = new Set();

/** Show what was found in the photos so far. */
export function showResults() {
  const before = new Map(cards.map((card) => [card.photo, card]));
  const looking = mode();
  cards = analyzed().map((photo) => {
    const finding = /** @type {Finding} */ (findingOf(photo));
    const card = before.get(photo);
    if (card?.result === finding.result) {
      before.delete(photo);
      return card;
    }
    return makeCard(photo, finding, looking);
  });
  for (const card of before.values()) card.close();
  $("cards").replaceChildren(...cards.map((card) => card.element));
  $("results").hidden = !cards.length;
  $("filter").hidden = !cards.some((card) => card.items.length);
  $("legend").hidden = $("filter").hidden || !analyzed().some((photo) => findingOf(photo)?.named);
  $("retry").hidden = !cards.some((card) => card.failed);
  showClasses();
  filter();
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
    const facts = [
      requests === 1
        ? t("Round trip {time}", { time: duration(elapsed) })
        : t("{n} requests in {time}", { n: requests, time: duration(elapsed) }),
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

/**
 * Count the objects of each class, the most frequent first.
 *
 * @param {Detection[]} objects
 * @returns {Map<string, number>}
 */
function countClasses(objects) {
  const counts = new Map();
  for (const { class_name: name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

const found = () => cards.flatMap((card) => card.items.map((item) => item.object));

/** Show a switch for each class found. */
function showClasses() {
  const names = [...countClasses(found()).keys()];
  $("kinds-list").replaceChildren(...names.map(classSwitch));
}

/** @param {string} name */
function classSwitch(name) {
  const box = make("input", {
    type: "checkbox",
    checked: only.has(name),
    onchange: () => {
      if (box.checked) only.add(name);
      else only.delete(name);
      filter();
      announce(() => $("shown").textContent ?? "");
    },
  });
  return make(
    "label",
    { "data-kind": name },
    box,
    make("span", {}, `${className(name)} `, make("b")),
  );
}

/** Show what the slider and the class switches let through. */
function filter() {
  const threshold = Number($("threshold").value) / 100;
  /** @param {Detection} object */
  const confident = (object) => object.confidence >= threshold;
  /** @param {Detection} object */
  const passes = (object) => confident(object) && (!only.size || only.has(object.class_name));
  const passing = sum(cards.map((card) => card.filter(passes)));
  const total = found().length;
  const tally = t("{n} of {total} shown", { n: passing, total });
  $("level").textContent = percent(threshold);
  $("shown").textContent = tally;
  $("threshold").setAttribute("aria-valuetext", `${percent(threshold)}, ${tally}`);
  const counts = countClasses(found().filter(confident));
  for (const label of /** @type {HTMLCollectionOf<HTMLElement>} */ ($("kinds-list").children)) {
    const n = counts.get(label.dataset.kind ?? "") ?? 0;
    label.hidden = n === 0;
    /** @type {HTMLElement} */ (label.querySelector("b")).textContent = String(n);
  }
  $("kinds").hidden = counts.size < 2 && only.size === 0;
  $("results-title").textContent = headline(passing, total);
}

/** @type {Record<Mode, [Message, Message, Message]>} */
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
  const failed = cards.filter((card) => card.failed).length;
  const succeeded = cards.length - failed;
  if (!succeeded) return plural(failed, "{n} photo failed", "{n} photos failed");
  const [one, many, none] = FOUND[mode()];
  /** @param {number} n */
  const count = (n) => (n ? plural(n, one, many) : t(none));
  const summary =
    total && !passing
      ? plural(total, "0 of {found} passes the filters", "0 of {found} pass the filters", {
          found: count(total),
        })
      : plural(succeeded, "{found} in {n} photo", "{found} in {n} photos", {
          found: count(passing),
        });
  return summary + (failed ? t(", {n} failed", { n: failed }) : "");
}

// What scrolls into view must not end up below the filters, however many lines they take.
new ResizeObserver(() => {
  style(document.documentElement, { "--filter-height": `${$("filter").offsetHeight}px` });
}).observe($("filter"));

$("threshold").addEventListener("input", filter);
$("copy-json").addEventListener("click", () =>
  copy(
    JSON.stringify(
      { images: cards.map(({ photo, result }) => ({ name: photo.name, ...result })) },
      null,
      2,
    ),
    $("copy-json"),
  ),
);
$("save-csv").addEventListener("click", () =>
  download(new Blob([toCsv(cards)], { type: "text/csv" }), "carlens.csv"),
);

onSessionChange(showResults);
onLanguageChange(() => {
  const open = cards.map((card) => card.items.map((item) => item.row.open));
  for (const card of cards) card.close();
  cards = [];
  showResults();
  writeFacts();
  for (const [i, card] of cards.entries()) {
    for (const [j, item] of card.items.entries()) item.row.open = open[i][j];
  }
});
