// The boxes over a photo, and the rows of the list next to it.

import { makeCorrector } from "./correct.js";
/** @import { Detection, Item, Level, Message, OnCorrect, Pointing, Spot, TagSize } from "./types" */
import { $, bar, make, makeSvg, neighbor, style } from "./dom.js";
import { fullName, percent, t } from "./i18n.js";
import { isNamed, nameOf } from "./naming.js";

// From this width on, the list is next to the photo and scrolls on its own.
const beside = matchMedia("(min-width: 54rem)");

/** The boxes over one photo, and the rows of its list. */
export class Overlay {
  /** @type {Item[]} */
  items = [];
  /** @type {Item | null} The one chosen by a click. */
  pinned = null;
  /** @type {Item | null} The one last pointed at. */
  peeked = null;
  /** @type {Item | null} The one whose row is open only while it is pointed at. */
  opened = null;
  /** @type {Item | null} The one that is lit. */
  active = null;
  /** Where the pointer was when it chose a box. */
  rest = "";

  /**
   * @param {HTMLElement} stage
   * @param {number} width In pixels of the photo.
   * @param {number} height
   * @param {string} name
   * @param {boolean} named Whether vehicles can have names here.
   * @param {OnCorrect | null} oncorrect Where names can be corrected.
   */
  constructor(stage, width, height, name, named, oncorrect) {
    this.stage = stage;
    this.named = named;
    this.oncorrect = oncorrect;
    this.width = width;
    this.height = height;
    this.svg = makeSvg("svg", {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.spotlight = make("span");
    this.hits = make("div", {
      role: "group",
      "aria-label": t("Boxes in {name}; use the arrow keys to move between them", { name }),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
    });
    this.tags = make("div", { "aria-hidden": "true" });
    stage.append(make("div.shade", {}, this.spotlight), this.svg, this.hits, this.tags);
    stage.addEventListener("click", ({ target }) => {
      if (!(target instanceof Element && target.closest(".hit"))) this.pin(null);
    });
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(stage);
  }

  /**
   * @param {Detection} object
   * @param {number} number
   * @returns {Item}
   */
  add(object, number) {
    const item = this.makeItem(object, number);
    this.items.push(item);
    return item;
  }

  /**
   * Show what the user says about an object.
   *
   * @param {Item} before
   * @param {Detection} object
   * @returns {Item} The one in its place.
   */
  replace(before, object) {
    const hadFocus = before.row.contains(document.activeElement);
    const wasActive = before === this.active;
    if (wasActive) this.light(null);
    const item = this.makeItem(object, before.number);
    this.items[this.items.indexOf(before)] = item;
    if (before === this.pinned) this.pinned = item;
    if (before === this.peeked) this.peeked = item;
    if (before === this.opened) this.opened = item;
    item.crop.getContext("2d")?.drawImage(before.crop, 0, 0);
    item.hit.tabIndex = before.hit.tabIndex;
    style(item.hit, { "z-index": before.hit.style.zIndex });
    item.row.open = before.row.open;
    for (const part of /** @type {const} */ (["shape", "hit", "tag", "row"])) {
      before[part].replaceWith(item[part]);
    }
    item.show(before.shown);
    this.arrange();
    if (wasActive) this.light(item);
    if (hadFocus) item.row.querySelector("button")?.focus();
    return item;
  }

  /**
   * @param {Detection} object
   * @param {number} number
   * @returns {Item}
   */
  makeItem(object, number) {
    const name = nameOf(object, this.named);
    const { x1, y1, x2, y2 } = object;
    /** @param {string} part */
    const rect = (part) =>
      makeSvg(`rect.${part}`, { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
    /** @type {(to: (item: Item | null) => void) => Pointing} */
    const pointing = (to) => ({
      onpointermove: (event) => this.isDeliberate(event) && to(item),
      onpointerleave: (event) => this.isDeliberate(event) && to(null),
      onfocus: () => to(item),
      onblur: () => to(null),
    });
    const hit = make("button.hit", {
      type: "button",
      tabindex: "-1",
      "aria-label": `${number}: ${[name.title, name.subtitle, name.guess].filter(Boolean).join(", ")}`,
      onclick: (/** @type {MouseEvent} */ event) =>
        this.pin(item === this.pinned ? null : item, event),
      ...pointing((target) => this.peek(target)),
    });
    const density = Math.max(2, Math.ceil(devicePixelRatio));
    const size = { width: 56 * density, height: 42 * density };
    const crop = make("canvas.crop", { ...size, "aria-hidden": "true" });
    const item = {
      object,
      name,
      number,
      area: {
        left: `${(x1 / this.width) * 100}%`,
        top: `${(y1 / this.height) * 100}%`,
        width: `${((x2 - x1) / this.width) * 100}%`,
        height: `${((y2 - y1) / this.height) * 100}%`,
      },
      shape: makeSvg(`g.shape.${name.how}`, {}, rect("halo"), rect("line")),
      hit,
      tag: make(
        `span.tag.${name.how}`,
        {},
        make("b", {}, String(number)),
        make("span", {}, name.title),
      ),
      crop,
      row: makeRow(
        { object, name, number, hit, crop },
        pointing((target) => this.point(target)),
        this.oncorrect && makeCorrector(object, name, this.oncorrect),
      ),
      shown: true,
      /** @param {boolean} shown */
      show: (shown) => {
        item.shown = shown;
        item.hit.hidden = item.tag.hidden = !shown;
        if (item.row.parentElement) item.row.parentElement.hidden = !shown;
        item.shape.toggleAttribute("hidden", !shown);
      },
      size: { full: 0, short: 0, height: 0 },
      /** @type {Spot | undefined} */
      spot: undefined,
      /** @type {Spot | undefined} */
      wide: undefined,
    };
    style(hit, item.area);
    return item;
  }

  /** Put small boxes over large ones, so that each can be pointed at. */
  settle() {
    /** @param {Item} item */
    const area = ({ object: o }) => (o.x2 - o.x1) * (o.y2 - o.y1);
    const ordered = [...this.items].sort((a, b) => area(b) - area(a));
    this.svg.append(...ordered.map((item) => item.shape));
    this.hits.append(...this.items.map((item) => item.hit));
    for (const [i, item] of ordered.entries()) style(item.hit, { "z-index": i });
    this.tags.append(...this.items.map((item) => item.tag));
    if (this.items.length <= 3) for (const item of this.items) item.row.open = true;
  }

  /** @param {Item | null} item */
  point(item) {
    this.light(item ?? this.pinned);
  }

  /**
   * Tell a pointer that was moved from a finger, and from a page that moves under a resting mouse.
   *
   * @param {PointerEvent} event
   */
  isDeliberate({ pointerType, screenX, screenY }) {
    return pointerType !== "touch" && `${[screenX, screenY]}` !== this.rest;
  }

  /**
   * Point at a box. Its row opens meanwhile, unless that would move anything else.
   *
   * @param {Item | null} item
   */
  peek(item) {
    this.point(item);
    if (!beside.matches || item === this.peeked) return;
    this.peeked = item;
    if (this.opened) this.opened.row.open = false;
    this.opened = item?.row.open === false ? item : null;
    if (this.opened) this.opened.row.open = true;
    if (item) this.reveal(item);
  }

  /**
   * @param {Item | null} item
   * @param {{ screenX?: number, screenY?: number }} [event]
   */
  pin(item, { screenX, screenY } = {}) {
    this.rest = `${[screenX, screenY]}`;
    this.opened = null;
    this.pinned = item;
    this.light(item);
    if (!item) return;
    item.row.open = true;
    this.reveal(item);
  }

  /**
   * Scroll a row into view: within its list, or below the photo that stays above it.
   *
   * @param {Item} item
   */
  reveal({ row }) {
    const list = /** @type {HTMLElement} */ (row.closest(".found"));
    const at = row.getBoundingClientRect();
    const alone = beside.matches || row.closest("dialog");
    const filter = alone ? 0 : $("filter").offsetHeight;
    let [top, bottom] = [filter + this.stage.getBoundingClientRect().height, innerHeight];
    if (alone) {
      const frame = list.getBoundingClientRect();
      const covered = beside.matches ? $("filter").offsetHeight : 0;
      [top, bottom] = [Math.max(frame.top, covered), Math.min(frame.bottom, innerHeight)];
    }
    const up = Math.min(0, at.top - top);
    const down = Math.max(0, Math.min(at.bottom - bottom, at.top - top));
    (alone ? list : window).scrollBy(0, up || down);
  }

  /** @param {Item | null} item */
  light(item) {
    if (item === this.active) return;
    const before = this.active;
    for (const changed of [before, item]) {
      for (const part of changed ? [changed.shape, changed.tag, changed.row] : []) {
        part.classList.toggle("active");
      }
    }
    if (before) this.place(before);
    this.active = item;
    this.stage.classList.toggle("lit", item !== null);
    if (!item) return;
    style(this.spotlight, item.area);
    this.place(item);
  }

  /**
   * Move between the boxes with the arrow keys, in the order of the list.
   *
   * @param {KeyboardEvent} event
   */
  onKey(event) {
    if (event.key === "Escape") this.pin(null);
    const shown = this.items.filter((item) => item.shown);
    const index = shown.findIndex((item) => item.hit === document.activeElement);
    const next = index < 0 ? undefined : neighbor(shown, index, event.key, true);
    if (!next) return;
    event.preventDefault();
    this.setTabStop(next);
    next.hit.focus();
  }

  /** @param {Item | undefined} chosen The only one that the Tab key stops at. */
  setTabStop(chosen) {
    for (const item of this.items) item.hit.tabIndex = item === chosen ? 0 : -1;
  }

  /** Place the tags of the boxes that are shown. */
  arrange() {
    const shown = this.items.filter((item) => item.shown);
    if (!shown.some((item) => item.hit.tabIndex === 0)) this.setTabStop(shown[0]);
    if (this.active && !this.active.shown) {
      this.pinned = null;
      this.light(null);
    }
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    for (const { tag } of shown) {
      tag.classList.remove("short", "off");
      style(tag, { left: "0", top: "0" }); // near the edge it would be squeezed
    }
    for (const item of shown) item.size = tagSize(item.tag);
    placeTags(shown, width / this.width, width, height); // the stage has the photo's shape
    for (const item of shown) this.place(item);
  }

  /** @param {Item} item */
  place(item) {
    const active = item.tag.classList.contains("active");
    const spot = active ? item.wide : item.spot;
    item.tag.classList.toggle("off", !spot);
    item.tag.classList.toggle("short", !active && spot?.width === item.size.short);
    if (!spot) return;
    style(item.tag, {
      left: `${(spot.x / this.stage.clientWidth) * 100}%`,
      top: `${(spot.y / this.stage.clientHeight) * 100}%`,
    });
  }

  close() {
    this.observer.disconnect();
  }
}

/**
 * @param {HTMLElement} tag
 * @returns {TagSize}
 */
function tagSize({ offsetWidth: full, offsetHeight: height, firstChild }) {
  return { full, height, short: /** @type {HTMLElement} */ (firstChild).offsetWidth };
}

/**
 * Find a place for the tag of each box: above the box, in it or below it, where the tag covers no
 * other; certain names come first. Without room for the text it shows the number only, and without
 * room for that, nothing.
 *
 * @param {{ object: Detection, size: TagSize, spot?: Spot, wide?: Spot }[]} items Get `spot`, and
 *   `wide`, which has room for the name whatever it covers.
 * @param {number} scale Pixels of the screen in one of the photo.
 * @param {number} width Of the photo on the screen.
 * @param {number} height
 */
export function placeTags(items, scale, width, height) {
  /** @type {Spot[]} */
  const taken = [];
  const namedFirst = [...items].sort(
    (a, b) => Number(isNamed(b.object)) - Number(isNamed(a.object)),
  );
  for (const item of namedFirst) {
    const { object, size } = item;
    /** @param {Spot} spot */
    const isFree = (spot) => spot.inside && !taken.some((other) => overlap(other, spot));
    /** @param {number} tagWidth */
    const spots = (tagWidth) =>
      spotsFor(object, { width: tagWidth, height: size.height }, scale, { width, height });
    // A kind over a small box on a small screen would hide more than it tells.
    const boxWidth = (object.x2 - object.x1) * scale;
    const fits = isNamed(object) || size.full <= Math.max(1.2 * boxWidth, 0.4 * width);
    item.spot = (fits && spots(size.full).find(isFree)) || spots(size.short).find(isFree);
    item.wide = spots(size.full).find((spot) => spot.inside) ?? spots(size.full)[0];
    if (item.spot) taken.push(item.spot);
  }
}

/**
 * Return the positions for a tag, best first, in pixels of the screen.
 *
 * @param {Detection} box
 * @param {{ width: number, height: number }} tag
 * @param {number} scale
 * @param {{ width: number, height: number }} stage
 * @returns {Spot[]}
 */
function spotsFor({ x1, y1, x2, y2 }, { width, height }, scale, stage) {
  const left = x1 * scale - 1;
  const right = x2 * scale + 1 - width;
  const top = y1 * scale - 1;
  const bottom = y2 * scale + 1;
  const corners = [top - height, top, bottom, bottom - height].flatMap((y) => [
    [left, y],
    [right, y],
  ]);
  return corners.map(([x, y]) => ({
    x: Math.max(0, Math.min(x, stage.width - width)),
    y,
    width,
    height,
    inside: y >= -2 && y + height <= stage.height + 2,
  }));
}

/**
 * @param {Spot} a
 * @param {Spot} b
 */
function overlap(a, b) {
  return (
    a.x < b.x + b.width + 2 &&
    b.x < a.x + a.width + 2 &&
    a.y < b.y + b.height + 1 &&
    b.y < a.y + a.height + 1
  );
}

/**
 * Make a row of the list: the object, and below it what its names are and how certain.
 *
 * @param {Pick<Item, "object" | "name" | "number" | "hit" | "crop">} item
 * @param {Pointing} pointing
 * @param {HTMLElement | null} corrector
 * @returns {Item["row"]}
 */
function makeRow({ object, name, number, hit, crop }, pointing, corrector) {
  const trusted = object.certain && !object.correction;
  const catalog = trusted && object.reference ? fullName(object.reference) : "";
  const reference =
    catalog && catalog !== name.title ? t("Reference: {name}", { name: catalog }) : "";
  const headline = [
    make("span.number", {}, String(number)),
    crop,
    make(
      "span",
      {},
      make("span.title", {}, name.title),
      make("span.subtitle", {}, name.subtitle),
      name.guess ? make("span.subtitle.guess", {}, name.guess) : null,
      reference ? make("span.subtitle.reference-name", {}, reference) : null,
    ),
  ];
  if (!object.pred?.length && !corrector) {
    const listeners = { ...pointing, onclick: () => hit.click() };
    const content = make("span.headline", {}, ...headline);
    return make(`button.row-of.${name.how}`, { type: "button", ...listeners }, content);
  }
  const { onfocus, onblur, ...hovering } = pointing;
  const chevron = make("span.chevron", { "aria-hidden": "true" });
  return make(
    `details.row-of.${name.how}`,
    hovering,
    make("summary.headline", { onfocus, onblur }, ...headline, chevron),
    corrector,
    ...(object.pred?.length ? describeNames(object) : []),
  );
}

/**
 * List make and model, each with its verdict, and the full names, which are guesses unless the
 * first one is certain.
 *
 * @param {Detection} object
 */
function describeNames({ display, certain, pred = [], prob = [], make: maker, model }) {
  const sure = certain && display === pred[0];
  const levels = [
    ...(maker ? [levelRow("Make", maker)] : []),
    ...(model ? [levelRow("Model", model)] : []),
  ];
  const heading = sure
    ? "Full names. The first is certain, the others are not:"
    : "Full names. All are guesses:";
  return [
    levels.length ? make("ul.levels", { role: "list" }, ...levels) : null,
    make("p.bars-name", {}, t(heading)),
    make(
      `ol.bars.${sure ? "first" : "none"}-certain`,
      { role: "list" },
      ...pred.map((text, i) => bar(text, percent(prob[i]), prob[i])),
    ),
  ];
}

/**
 * @param {Message} caption
 * @param {Level} level
 */
const levelRow = (caption, { name, prob, certain }) =>
  make(
    `li.${certain ? "certain" : "uncertain"}`,
    {},
    make("span.level-name", {}, t(caption)),
    make("span", {}, name),
    make("span.share", {}, percent(prob)),
    make("span.verdict", {}, t(certain ? "certain" : "guess")),
  );

/**
 * Draw the object as it is in the photo, so that it is easy to find in the list.
 *
 * @param {HTMLImageElement} image
 * @param {Item} item
 * @param {number} width Of the photo, in the pixels of the boxes.
 * @param {number} height
 */
export function drawCrop(image, { crop, object }, width, height) {
  const [w, h] = [image.naturalWidth, image.naturalHeight];
  const [scaleX, scaleY] = [w / width, h / height];
  const ratio = crop.width / crop.height;
  const boxWidth = (object.x2 - object.x1) * scaleX * 1.1;
  const boxHeight = (object.y2 - object.y1) * scaleY * 1.1;
  // The box is extended to the crop's shape, and moved rather than cut at the photo's edge.
  const wide = Math.min(w, Math.max(boxWidth, boxHeight * ratio));
  const high = Math.min(h, Math.max(boxHeight, boxWidth / ratio));
  /** @type {(middle: number, length: number, end: number) => number} */
  const within = (middle, length, end) => Math.max(0, Math.min(middle - length / 2, end - length));
  const left = within(((object.x1 + object.x2) / 2) * scaleX, wide, w);
  const top = within(((object.y1 + object.y2) / 2) * scaleY, high, h);
  const scale = Math.min(crop.width / wide, crop.height / high);
  const context = /** @type {CanvasRenderingContext2D} */ (crop.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(
    image,
    left,
    top,
    wide,
    high,
    (crop.width - wide * scale) / 2,
    (crop.height - high * scale) / 2,
    wide * scale,
    high * scale,
  );
}
