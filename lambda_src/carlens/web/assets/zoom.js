// Zooming and panning of a photo, by wheel, pointers and keys.

import { style } from "./dom.js";

const LARGEST = 12;
const STEP = 1.5;
const SLACK = 4; // pixels that a pointer may move and still click

export class Zoom {
  /** 1 fits the photo into the view. */
  level = 1;
  x = 0;
  y = 0;
  /** @type {Map<number, { x: number, y: number }>} The pointers that are down. */
  pointers = new Map();
  moved = 0;

  /**
   * @param {HTMLElement} view Shows a part of the stage.
   * @param {HTMLElement} stage
   * @param {number} ratio Width divided by height of the photo.
   * @param {(level: number) => void} onchange
   */
  constructor(view, stage, ratio, onchange) {
    this.view = view;
    this.stage = stage;
    this.ratio = ratio;
    this.onchange = onchange;
    view.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    view.addEventListener("pointerdown", (event) => this.onDown(event));
    view.addEventListener("pointermove", (event) => this.onMove(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      view.addEventListener(end, ({ pointerId }) => this.pointers.delete(pointerId));
    }
    // What ends a drag is not a click on a box.
    view.addEventListener("click", (event) => this.onClick(event), true);
    view.addEventListener("dblclick", (event) => this.onDoubleClick(event));
    this.observer = new ResizeObserver(() => this.apply());
    this.observer.observe(view);
  }

  close() {
    this.observer.disconnect();
  }

  /** The size of the stage in pixels. */
  get size() {
    const { clientWidth, clientHeight } = this.view;
    const width = Math.min(clientWidth, clientHeight * this.ratio) * this.level;
    return { width, height: width / this.ratio };
  }

  /**
   * Change the level, and keep a point of the view where it is.
   *
   * @param {number} level
   * @param {{ x: number, y: number }} [point] In pixels of the view; by default its middle.
   */
  to(level, { x, y } = this.middle) {
    const next = Math.max(1, Math.min(LARGEST, level));
    const factor = next / this.level;
    this.x = x - (x - this.x) * factor;
    this.y = y - (y - this.y) * factor;
    this.level = next;
    this.apply();
  }

  get middle() {
    return { x: this.view.clientWidth / 2, y: this.view.clientHeight / 2 };
  }

  larger() {
    this.to(this.level * STEP);
  }

  smaller() {
    this.to(this.level / STEP);
  }

  reset() {
    this.to(1);
  }

  apply() {
    const { width, height } = this.size;
    if (!width) return;
    this.x = within(this.x, width, this.view.clientWidth);
    this.y = within(this.y, height, this.view.clientHeight);
    style(this.stage, { width: `${width}px`, transform: `translate(${this.x}px, ${this.y}px)` });
    this.view.classList.toggle("zoomed", this.level > 1);
    this.onchange(this.level);
  }

  /** @param {MouseEvent} event */
  pointOf({ clientX, clientY }) {
    const { left, top } = this.view.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  /** @param {WheelEvent} event */
  onWheel(event) {
    event.preventDefault();
    this.to(this.level * Math.exp(-event.deltaY / 400), this.pointOf(event));
  }

  /** @param {MouseEvent} event */
  onDoubleClick(event) {
    this.to(this.level > 1 ? 1 : 3, this.pointOf(event));
  }

  /**
   * Only clicks of a pointer end a drag; those of the keyboard and of the list have no detail.
   *
   * @param {MouseEvent} event
   */
  onClick(event) {
    if (event.detail && this.moved > SLACK) event.stopPropagation();
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    if (!this.pointers.size) this.moved = 0;
    this.pointers.set(event.pointerId, this.pointOf(event));
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    if (!event.buttons) this.pointers.delete(event.pointerId); // released outside of the view
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.pointOf(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.moved += Math.hypot(now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
    if (other) {
      const factor = distance(now, other) / Math.max(1, distance(before, other));
      this.to(this.level * factor, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      return;
    }
    if (this.level === 1 || this.moved <= SLACK) return;
    this.view.setPointerCapture(event.pointerId);
    this.x += now.x - before.x;
    this.y += now.y - before.y;
    this.apply();
  }
}

/**
 * @param {{ x: number, y: number }} a
 * @param {{ x: number, y: number }} b
 */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/**
 * Keep a photo within its view: centered if it is smaller, without a gap if it is larger.
 *
 * @param {number} position
 * @param {number} size
 * @param {number} room
 */
const within = (position, size, room) =>
  size <= room ? (room - size) / 2 : Math.max(room - size, Math.min(0, position));
