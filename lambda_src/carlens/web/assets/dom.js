// Building elements. Text from files, URLs and answers is set as text, never as markup.

/** @import { ElementById, ElementOf } from "./types" */

/**
 * Get an element of index.html.
 *
 * @template {string} Id
 * @param {Id} id
 * @returns {ElementById<Id>}
 */
export const $ = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Create an element.
 *
 * @template {string} Tag
 * @param {Tag} tag A tag name, optionally followed by classes: `p.hint`.
 * @param {Record<string, any>} [attributes] Attributes, and listeners under `on…`. `null` and
 *   `false` leave an attribute out.
 * @param {...(Node | string | null)} children Strings become text nodes.
 * @returns {ElementOf<Tag>}
 */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return /** @type {any} */ (fill(document.createElement(name), classes, attributes, children));
}

/**
 * Create an SVG element.
 *
 * @param {string} tag As in `make`.
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {SVGElement}
 */
export function makeSvg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  return /** @type {any} */ (fill(element, classes, attributes, children));
}

/**
 * @param {Element} element
 * @param {string[]} classes
 * @param {Record<string, any>} attributes
 * @param {(Node | string | null)[]} children
 */
function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Set styles through the CSSOM, which the Content-Security-Policy allows.
 *
 * @template {HTMLElement} E
 * @param {E} element
 * @param {Record<string, string | number>} properties
 * @returns {E}
 */
export function style(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    element.style.setProperty(name, String(value));
  }
  return element;
}

/**
 * Load a stylesheet of a view that is not shown at first.
 *
 * @param {string} href
 * @returns {Promise<unknown>} Settles when its rules apply, or when it cannot be loaded.
 */
export function loadStyles(href) {
  return new Promise((resolve) => {
    document.head.append(
      make("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve }),
    );
  });
}

/**
 * Create a list item with a horizontal bar.
 *
 * @param {string} text
 * @param {string | number} value The value to show, as text.
 * @param {number} share The length of the bar, 0 to 1.
 */
export function bar(text, value, share) {
  return make(
    "li",
    {},
    make("span", {}, text),
    make("span.share", {}, String(value)),
    style(make("span.bar", { "aria-hidden": "true" }), { "--share": share }),
  );
}

/**
 * Let the user save a file.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {number[]} numbers */
export const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

/**
 * Make buttons a tab list: arrow keys move between them, and only the selected one is a tab stop.
 *
 * @param {HTMLElement[]} buttons
 * @param {(button: HTMLElement) => void} onselect
 */
export function makeTabs(buttons, onselect) {
  /** @param {HTMLElement} selected */
  const select = (selected) => {
    for (const button of buttons) {
      button.setAttribute("aria-selected", String(button === selected));
      button.tabIndex = button === selected ? 0 : -1;
    }
    onselect(selected);
  };
  for (const [index, button] of buttons.entries()) {
    button.addEventListener("click", () => select(button));
    button.addEventListener("keydown", (event) => {
      const next = neighbor(buttons, index, event.key);
      if (!next) return;
      event.preventDefault();
      select(next);
      next.focus();
    });
  }
  select(buttons[0]);
}

/**
 * Find where a key moves to in a row of elements that wraps around.
 *
 * @template E
 * @param {E[]} elements
 * @param {number} index Where the focus is.
 * @param {string} key
 * @param {boolean} [vertical] Whether the up and down arrows move too.
 * @returns {E | undefined}
 */
export function neighbor(elements, index, key, vertical = false) {
  /** @type {Record<string, number>} */
  const targets = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
  if (vertical) Object.assign(targets, { ArrowDown: index + 1, ArrowUp: index - 1 });
  const target = targets[key];
  return target === undefined ? undefined : elements.at(target % elements.length);
}
