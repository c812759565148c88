// The language of the page: translations, and numbers as each language writes them. English is in
// the page itself; each other language is a file `language-<code>.js`, which the server lists.

/** @import { Catalog, Message } from "./types" */
import { ApiError, UNREACHABLE } from "./client.js";
import { make } from "./dom.js";

/** @typedef {Record<string, string | number>} Values */

/** The codes of the languages that the page can be shown in. */
export const languages = [
  "en",
  ...(document.documentElement.dataset.languages ?? "").split(" ").filter(Boolean),
];

/** The code of the language shown. */
export let language = "en";

/**
 * The texts of the language shown; none for English.
 *
 * @type {Partial<Catalog>}
 */
let catalog = {};

/** @type {(() => void)[]} */
const labels = [];
/** @type {(() => void)[]} */
const views = [];

/**
 * Translate a text of the page.
 *
 * @param {Message} english
 * @param {Values} [values] What to fill in for each `{name}`.
 * @returns {string}
 */
export function t(english, values = {}) {
  /** @type {string} */
  const text = catalog.MESSAGES?.[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (placeholder, name) => String(values[name] ?? placeholder));
}

/**
 * Translate a text with a count, which replaces `{n}`.
 *
 * @param {number} n
 * @param {Message} one
 * @param {Message} many
 * @param {Values} [values]
 */
export function plural(n, one, many, values = {}) {
  const form = new Intl.PluralRules(language).select(n) === "one" ? one : many;
  return t(form, { n, ...values });
}

/**
 * Translate the name of an object class; one that is not in COCO stays as the model names it.
 *
 * @param {string} name
 * @returns {string}
 */
export const className = (name) => catalog.CLASS_NAMES?.[name] ?? name;

/**
 * Translate an error by its code, where the language shown is not that of the server.
 *
 * @param {string} code
 */
export const errorMessage = (code) => catalog.ERROR_MESSAGES?.[code];

/**
 * Translate the limits of a model that comes with Carlens.
 *
 * @param {string} name
 */
export const modelLimits = (name) => catalog.MODEL_LIMITS?.[name];

/** @param {{ make: string, model: string }} names */
export const fullName = ({ make, model }) => `${make} ${model}`.trim();

/**
 * @param {number} x
 * @param {number} digits
 */
const decimal = (x, digits) =>
  x.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** @param {number} share 0 to 1. */
export function percent(share) {
  /** @param {number} x */
  const format = (x) => x.toLocaleString(language, { style: "percent" });
  return share > 0 && share < 0.005 ? `<${format(0.01)}` : format(share);
}

/** @param {number} n */
export const count = (n) => n.toLocaleString(language);

/**
 * Write a time as minutes and seconds, from a minute on.
 *
 * @param {number} seconds
 */
export function clock(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return minutes ? `${minutes}:${String(rest).padStart(2, "0")}` : `${rest} s`;
}

/** @param {number} n */
export function bytes(n) {
  const [unit, kilo, mega] = catalog.BYTE_UNITS ?? ["B", "KB", "MB"];
  if (n < 1000) return `${n} ${unit}`;
  return n < 999_500 ? `${Math.round(n / 1000)} ${kilo}` : `${decimal(n / 1e6, 1)} ${mega}`;
}

/** @param {number} ms */
export function duration(ms) {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${decimal(ms / 1000, ms < 9950 ? 2 : 1)} s`;
}

/**
 * Write a label now, and again whenever the language changes.
 *
 * @param {() => void} write
 */
export function label(write) {
  labels.push(write);
  write();
}

/**
 * Make an element with a text that follows the language of the page, among others that do not.
 *
 * @template {string} Tag
 * @param {Tag} tag
 * @param {Message} english
 * @param {Values | (() => Values)} [values] A function, if they depend on the language.
 * @param {Record<string, any>} [attributes]
 */
export function translated(tag, english, values, attributes) {
  const element = make(tag, attributes);
  label(() => {
    element.lang = language;
    element.textContent = t(english, typeof values === "function" ? values() : values);
  });
  return element;
}

/**
 * Set an accessible name that follows the language of the page.
 *
 * @template {HTMLElement} E
 * @param {E} element
 * @param {() => string} name
 * @returns {E}
 */
export function withName(element, name) {
  label(() => {
    element.lang = language;
    element.setAttribute("aria-label", name());
  });
  return element;
}

/**
 * Redraw part of the page when the language changes.
 *
 * @param {() => void} redraw
 */
export function onLanguageChange(redraw) {
  views.push(redraw);
}

/** Write all labels again, including those that temporarily showed something else. */
export function writeLabels() {
  for (const write of labels) write();
}

/** The language chosen last: another that arrives later is not shown. */
let asked = "";

/**
 * Load a language and show the page in it: all labels, and then the views.
 *
 * @param {string} chosen One of `languages`.
 * @throws {ApiError} The server cannot be reached.
 */
export async function setLanguage(chosen) {
  if (chosen === asked) return;
  asked = chosen;
  try {
    const loaded = chosen === "en" ? {} : await loadCatalog(chosen);
    if (chosen !== asked) return;
    catalog = loaded;
  } catch (error) {
    if (chosen === asked) asked = language; // it can be chosen again
    throw error;
  }
  language = chosen;
  document.documentElement.lang = chosen;
  writeLabels();
  for (const redraw of views) redraw();
}

/**
 * @param {string} code
 * @returns {Promise<Catalog>}
 */
async function loadCatalog(code) {
  try {
    return await import(`./language-${code}.js`);
  } catch {
    throw new ApiError(UNREACHABLE);
  }
}

/** Make labels of the English texts in index.html: text nodes, and attributes read aloud. */
export function labelDocument() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = /** @type {Text} */ (walker.currentNode);
    const english = /** @type {Message} */ (node.data.trim().replace(/\s+/g, " "));
    if (!english) continue;
    const [, before, after] = /^(\s*)[\s\S]*?(\s*)$/.exec(node.data) ?? ["", "", ""];
    labels.push(() => {
      node.data = before + t(english) + after;
    });
  }
  for (const name of ["aria-label", "title"]) {
    for (const element of document.body.querySelectorAll(`[${name}]`)) {
      const english = /** @type {Message} */ (element.getAttribute(name));
      labels.push(() => element.setAttribute(name, t(english)));
    }
  }
}

/**
 * Tell whether a text has a translation into the language shown.
 *
 * @param {string} text
 * @returns {text is Message}
 */
export const isMessage = (text) => text in (catalog.MESSAGES ?? {});
