// The cars that the classifier was taught, by make, in a list that can be searched.

/** @import { Classifier } from "./types" */
import { $, make } from "./dom.js";
import { onLanguageChange, plural, t } from "./i18n.js";

/** @typedef {{ element: HTMLElement, cars: { element: HTMLElement, text: string }[] }} Group */

/** @type {Group[]} */
let groups = [];

/**
 * List the cars of a classifier below their makes.
 *
 * @param {Classifier} classifier
 */
export function listCars({ classes = [], makes = [] }) {
  groups = [...byMake(classes, makes)].map(([maker, names]) => {
    const cars = names.map((name) => ({
      element: make("li", {}, maker ? name.slice(maker.length + 1) : name),
      text: plain(name),
    }));
    const list = make("ul", { role: "list" }, ...cars.map(({ element }) => element));
    return { element: make("li", {}, maker ? make("strong", {}, maker) : null, list), cars };
  });
  $("known-list").replaceChildren(...groups.map(({ element }) => element));
  search();
}

/**
 * Sort full names into makes; those that do not start with a make come last.
 *
 * @param {string[]} names
 * @param {{ name: string }[]} makes
 * @returns {Map<string, string[]>}
 */
function byMake(names, makes) {
  const longestFirst = makes.map(({ name }) => name).sort((a, b) => b.length - a.length);
  /** @type {Map<string, string[]>} */
  const sorted = new Map([...makes.map(({ name }) => name), ""].map((name) => [name, []]));
  for (const name of names) {
    const maker = longestFirst.find((start) => name.startsWith(`${start} `)) ?? "";
    sorted.get(maker)?.push(name);
  }
  return new Map([...sorted].filter(([, found]) => found.length));
}

/**
 * Drop case and accents, which people leave out when they search.
 *
 * @param {string} text
 */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Show the cars that have all words of the search. */
function search() {
  const words = plain($("known-search").value).split(/\s+/);
  let shown = 0;
  for (const group of groups) {
    const before = shown;
    for (const { element, text } of group.cars) {
      element.hidden = !words.every((word) => text.includes(word));
      if (!element.hidden) shown++;
    }
    group.element.hidden = shown === before;
  }
  $("known-list").hidden = !shown;
  $("known-count").textContent = shown
    ? plural(shown, "{n} car", "{n} cars")
    : t(
        "Carlens was not taught this car. It shows its kind, and perhaps the name of a similar one as a guess.",
      );
}

$("known-search").addEventListener("input", search);
onLanguageChange(search);
