// A grid of thumbnails with boxes. Only the rows near the screen are in the document.

/** @import { Photo } from "./types" */
import { make, makeSvg, style } from "./dom.js";
import { hasFailed, objectsOf, shownObjects } from "./filters.js";
import { onLanguageChange, t } from "./i18n.js";
import { isNamed, nameOf } from "./naming.js";
import { findingOf, shortName } from "./session.js";
import { thumbnailOf } from "./thumbnails.js";

const GAP = 12; // pixels, as all sizes here
const NARROWEST = 150;
const WIDEST = 230;
const CAPTION = 52;
const SPARE_ROWS = 2;

export class Grid {
  /** @type {Photo[]} */
  photos = [];
  /** @type {Map<Photo, HTMLElement>} */
  tiles = new Map();
  /** @type {WeakMap<HTMLElement, string>} What each tile shows. */
  looks = new WeakMap();
  columns = 1;
  tileWidth = NARROWEST;
  /** Which photo the Tab key stops at. */
  current = 0;
  waiting = false;

  /**
   * @param {HTMLElement} element
   * @param {(photo: Photo) => void} onopen
   */
  constructor(element, onopen) {
    this.element = element;
    this.onopen = onopen;
    addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(element);
    element.addEventListener("keydown", (event) => this.onKey(event));
    onLanguageChange(() => this.show(this.photos));
  }

  /** @param {Photo[]} photos */
  show(photos) {
    this.photos = photos;
    this.current = Math.max(0, Math.min(this.current, photos.length - 1));
    for (const [photo, tile] of this.tiles) {
      if (this.looks.get(tile) === lookOf(photo)) continue;
      tile.remove();
      this.tiles.delete(photo);
    }
    this.draw();
  }

  /** Draw before the next frame, once for all that has happened since the last one. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.layOut();
    });
  }

  get rowHeight() {
    return Math.round(this.tileWidth * 0.75) + CAPTION + GAP;
  }

  layOut() {
    const width = this.element.clientWidth;
    if (!width) return;
    const least = width < 480 ? NARROWEST : WIDEST;
    const columns = Math.max(2, Math.floor((width + GAP) / (least + GAP)));
    this.columns = columns;
    this.tileWidth = (width - GAP * (columns - 1)) / columns;
    const rows = Math.ceil(this.photos.length / columns);
    style(this.element, { height: `${rows * this.rowHeight}px` });
    const top = -this.element.getBoundingClientRect().top;
    const first = Math.floor(top / this.rowHeight) - SPARE_ROWS;
    const last = Math.ceil((top + innerHeight) / this.rowHeight) + SPARE_ROWS;
    this.place(Math.max(0, first * columns), Math.min(this.photos.length, last * columns));
  }

  /**
   * Keep the tiles of some photos in the document, and the one that the Tab key goes to.
   *
   * @param {number} from
   * @param {number} to Exclusive.
   */
  place(from, to) {
    const wanted = new Set([...this.photos.slice(from, to), this.photos[this.current]]);
    for (const [photo, tile] of this.tiles) {
      if (wanted.has(photo) || tile.contains(document.activeElement)) continue;
      tile.remove();
      this.tiles.delete(photo);
    }
    for (let i = from; i < to; i++) this.placeTile(i);
    if (this.photos.length && (this.current < from || this.current >= to)) {
      this.placeTile(this.current);
    }
  }

  /** @param {number} i */
  placeTile(i) {
    const photo = this.photos[i];
    let tile = this.tiles.get(photo);
    if (!tile) {
      tile = makeTile(photo, () => {
        this.setCurrent(this.photos.indexOf(photo));
        this.onopen(photo);
      });
      this.tiles.set(photo, tile);
      this.looks.set(tile, lookOf(photo));
      this.element.append(tile);
    }
    tile.setAttribute("aria-posinset", String(i + 1));
    tile.setAttribute("aria-setsize", String(this.photos.length));
    style(tile, {
      width: `${this.tileWidth}px`,
      transform: `translate(${(i % this.columns) * (this.tileWidth + GAP)}px, ${
        Math.floor(i / this.columns) * this.rowHeight
      }px)`,
    });
    /** @type {HTMLElement} */ (tile.firstElementChild).tabIndex = i === this.current ? 0 : -1;
    return tile;
  }

  /** @param {number} i */
  setCurrent(i) {
    const before = this.tiles.get(this.photos[this.current]);
    this.current = i;
    if (before) /** @type {HTMLElement} */ (before.firstElementChild).tabIndex = -1;
    this.placeTile(i);
  }

  /**
   * Focus the tile of a photo, wherever it is.
   *
   * @param {Photo} photo
   */
  focus(photo) {
    const i = this.photos.indexOf(photo);
    if (i < 0) return;
    this.setCurrent(i);
    const button = /** @type {HTMLElement} */ (this.tiles.get(photo)?.firstElementChild);
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.photos.length - 1;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowRight: this.current + 1,
      ArrowLeft: this.current - 1,
      ArrowDown: this.current + this.columns,
      ArrowUp: this.current - this.columns,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined || target < 0 || target > last) return;
    event.preventDefault();
    this.focus(this.photos[target]);
  }
}

/**
 * Return a text that changes when a tile has to be drawn anew.
 *
 * @param {Photo} photo
 */
const lookOf = (photo) =>
  JSON.stringify([
    ...summarize(photo),
    shownObjects(photo).map(({ x1, y1, x2, y2 }) => [x1, y1, x2, y2]),
  ]);

/**
 * @param {Photo} photo
 * @param {() => void} onopen
 */
function makeTile(photo, onopen) {
  const picture = make("span.tile-picture");
  const [title, how] = summarize(photo);
  const name = shortName(photo);
  const label = `${name}: ${title}`;
  const button = make(
    "button.tile-button",
    { type: "button", "aria-label": label, title: photo.name, onclick: onopen },
    picture,
    make(`span.tile-title.${how}`, {}, title),
    make("span.tile-name", {}, name),
  );
  showPicture(photo, picture);
  return make("li.tile", {}, button);
}

/**
 * @param {Photo} photo
 * @param {HTMLElement} picture
 */
async function showPicture(photo, picture) {
  const { width, height } = findingOf(photo)?.result ?? {};
  const noPreview = () => picture.append(make("span.tile-none", {}, t("No preview")));
  try {
    const src = await thumbnailOf(photo);
    const onerror = () => image.replaceWith(make("span.tile-none", {}, t("No preview")));
    const image = make("img", {
      src,
      alt: "",
      decoding: "async",
      referrerpolicy: "no-referrer",
      onerror,
    });
    picture.prepend(image);
  } catch {
    noPreview();
  }
  if (width && height) picture.append(boxes(photo, width, height));
}

/**
 * @param {Photo} photo
 * @param {number} width
 * @param {number} height
 */
function boxes(photo, width, height) {
  const rects = shownObjects(photo).map((object) => {
    const { x1, y1, x2, y2 } = object;
    const size = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
    const how = isNamed(object) ? "sure" : "kind";
    return makeSvg(`g.shape.${how}`, {}, makeSvg("rect.halo", size), makeSvg("rect.line", size));
  });
  return makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...rects);
}

/**
 * Sum up a photo in a line, the names first.
 *
 * @param {Photo} photo
 * @returns {[string, "broken" | "empty" | "sure" | "plain"]}
 */
function summarize(photo) {
  if (hasFailed(photo)) return [t("Failed"), "broken"];
  const objects = shownObjects(photo);
  if (!objects.length) {
    return [t(objectsOf(photo).length ? "Hidden by the filters" : "Nothing found"), "empty"];
  }
  const first = objects.find(isNamed) ?? objects[0];
  const { title } = nameOf(first, findingOf(photo)?.named ?? false);
  const more = objects.length - 1;
  return [more ? `${title} ${t("+{n}", { n: more })}` : title, isNamed(first) ? "sure" : "plain"];
}
