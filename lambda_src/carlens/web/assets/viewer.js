// The viewer: one photo on the whole screen, with the list of what was found beside it.

/** @import { DetectionMode, Finding, Photo, ViewerCard } from "./types" */
import { makeCard } from "./detail.js";
import { make } from "./dom.js";
import { passes } from "./filters.js";
import { onLanguageChange, percent, t } from "./i18n.js";
import { findingOf, mode, onSessionChange, shortName } from "./session.js";
import { Zoom } from "./zoom.js";

const SWIPE = 60; // pixels

/** @type {Photo[]} */
let photos = [];
let index = 0;
/** @type {ViewerCard | null} */
let card = null;
/** @type {Zoom | null} */
let zoom = null;
/** @type {(photo: Photo) => void} */
let whenClosed = () => {};
/** @type {(photo: Photo, finding: Finding) => ViewerCard} */
let draw = drawCard;

const title = make("h2.viewer-title", { id: "viewer-title" });
const place = make("p.hint", { role: "status" });
const level = make("span.viewer-level");
const body = make("div.viewer-body");
const bar = make("div.viewer-bar");
const dialog = make(
  "dialog.viewer",
  { "aria-labelledby": "viewer-title", tabindex: "-1" },
  bar,
  body,
);

/**
 * @param {"Smaller" | "Larger" | "Whole photo" | "Previous photo" | "Next photo" | "Close"} name
 * @param {string} sign
 * @param {string} key
 * @param {() => void} onclick
 */
function button(name, sign, key, onclick) {
  const label = t(name);
  return make(
    "button.button.small.icon",
    { type: "button", "aria-label": label, title: `${label} (${key})`, onclick },
    sign,
  );
}

function fillBar() {
  bar.replaceChildren(
    make("div.viewer-head", {}, title, place),
    make(
      "div.viewer-tools",
      {},
      button("Smaller", "−", "-", () => zoom?.smaller()),
      level,
      button("Larger", "+", "+", () => zoom?.larger()),
      button("Whole photo", "⤢", "0", () => zoom?.reset()),
    ),
    make(
      "div.viewer-tools",
      {},
      button("Previous photo", "‹", "←", () => move(-1)),
      button("Next photo", "›", "→", () => move(1)),
      button("Close", "×", t("Esc"), () => dialog.close()),
    ),
  );
}

/**
 * Open the viewer.
 *
 * @param {Photo[]} shown The photos to move between.
 * @param {Photo} photo The first to show.
 * @param {(photo: Photo) => void} onclose Called with the last that was shown.
 * @param {typeof draw} [drawn] How to show a photo.
 */
export function openViewer(shown, photo, onclose, drawn = drawCard) {
  draw = drawn;
  photos = shown;
  whenClosed = onclose;
  if (!dialog.isConnected) document.body.append(dialog);
  fillBar();
  dialog.showModal();
  document.documentElement.classList.add("viewing");
  show(photos.indexOf(photo));
}

/**
 * @param {Photo} photo
 * @param {Finding} finding
 */
function drawCard(photo, finding) {
  return makeCard(photo, finding, /** @type {DetectionMode} */ (mode()));
}

/** @param {number} i */
function show(i) {
  clear();
  index = i;
  const photo = photos[i];
  const finding = /** @type {Finding} */ (findingOf(photo));
  card = draw(photo, finding);
  title.textContent = shortName(photo);
  title.title = photo.name;
  place.textContent = t("Photo {n} of {total}", { n: i + 1, total: photos.length });
  const hadFocus = body.contains(document.activeElement);
  body.replaceChildren(...card.element.children);
  if (hadFocus) dialog.focus(); // or the keys would go nowhere
  card.filter?.(passes);
  level.textContent = "";
  const view = /** @type {HTMLElement} */ (body.querySelector(".view"));
  const stage = /** @type {HTMLElement} */ (body.querySelector(".stage"));
  const { width, height } = finding.result;
  if (!width || !height) return;
  zoom = new Zoom(view, stage, width / height, (z) => {
    level.textContent = percent(z);
    card?.onzoom?.();
  });
  listenToSwipes(view, zoom);
}

function clear() {
  card?.close();
  zoom?.close();
  card = zoom = null;
}

/** @param {number} step */
function move(step) {
  const next = index + step;
  if (next >= 0 && next < photos.length) show(next);
}

/**
 * @param {HTMLElement} view
 * @param {Zoom} zoomed
 */
function listenToSwipes(view, zoomed) {
  /** @type {PointerEvent | null} */
  let start = null;
  view.addEventListener("pointerdown", (event) => {
    start = event.pointerType === "touch" && event.isPrimary ? event : null;
  });
  view.addEventListener("pointerup", (event) => {
    const from = start;
    start = null;
    if (!from || zoomed.level > 1 || zoomed.pointers.size > 1) return;
    const [x, y] = [event.clientX - from.clientX, event.clientY - from.clientY];
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) move(x < 0 ? 1 : -1);
  });
}

/** @type {Record<string, () => void>} */
const KEYS = {
  "+": () => zoom?.larger(),
  "=": () => zoom?.larger(),
  "-": () => zoom?.smaller(),
  0: () => zoom?.reset(),
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  PageDown: () => move(1),
  PageUp: () => move(-1),
};

dialog.addEventListener("keydown", (event) => {
  const { key, defaultPrevented, ctrlKey, metaKey, altKey } = event;
  const act = KEYS[key];
  if (event.target instanceof HTMLInputElement) return; // these keys write there
  if (!act || defaultPrevented || ctrlKey || metaKey || altKey) return;
  event.preventDefault();
  act();
});
dialog.addEventListener("close", () => {
  document.documentElement.classList.remove("viewing");
  clear();
  body.replaceChildren();
  whenClosed(photos[index]);
});
onSessionChange(() => {
  const result = card && findingOf(photos[index])?.result;
  if (result) card?.revise?.(result);
});
onLanguageChange(() => {
  if (!dialog.open) return;
  fillBar();
  show(index);
});
