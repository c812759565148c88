// A grid of thumbnails. Only the rows near the screen are in the document.

/** @import { Photo, Tiles } from "./types" */
import { make, style } from "./dom.js";
import { onLanguageChange, t } from "./i18n.js";
import { shortName } from "./session.js";

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
   * @param {Tiles} drawing
   * @param {(photo: Photo) => void} onopen
   */
  constructor(element, drawing, onopen) {
    this.element = element;
    this.drawing = drawing;
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
      if (this.looks.get(tile) === this.lookOf(photo)) continue;
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
      tile = this.makeTile(photo);
      this.tiles.set(photo, tile);
      this.looks.set(tile, this.lookOf(photo));
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

  /**
   * Return a text that changes when a tile has to be drawn anew.
   *
   * @param {Photo} photo
   */
  lookOf(photo) {
    return JSON.stringify([...this.drawing.summarize(photo), this.drawing.lookOf(photo)]);
  }

  /** @param {Photo} photo */
  makeTile(photo) {
    const picture = make("span.tile-picture");
    const [title, how] = this.drawing.summarize(photo);
    const name = shortName(photo);
    const onclick = () => {
      this.setCurrent(this.photos.indexOf(photo));
      this.onopen(photo);
    };
    const button = make(
      "button.tile-button",
      { type: "button", "aria-label": `${name}: ${title}`, title: photo.name, onclick },
      picture,
      make(`span.tile-title.${how}`, {}, title),
      make("span.tile-name", {}, name),
    );
    this.showPicture(photo, picture);
    return make("li.tile", {}, button);
  }

  /**
   * @param {Photo} photo
   * @param {HTMLElement} picture
   */
  async showPicture(photo, picture) {
    const noPreview = () => make("span.tile-none", {}, t("No preview"));
    try {
      const src = await this.drawing.thumbnailOf(photo);
      const onerror = () => image.replaceWith(noPreview());
      const image = make("img", {
        src,
        alt: "",
        decoding: "async",
        referrerpolicy: "no-referrer",
        onerror,
      });
      picture.prepend(image);
    } catch {
      picture.append(noPreview());
    }
    picture.append(...this.drawing.marksOf(photo));
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
