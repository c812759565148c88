// A redacted photo over its original, with a slider between them.

/** @import { Finding, Message, Photo, ViewerCard } from "./types" */
import { failure, scaledNote } from "./detail.js";
import { download, make, style } from "./dom.js";
import { bytes, percent, t } from "./i18n.js";
import { redactedName } from "./redaction.js";
import { shortName } from "./session.js";

const SAME_RATIO = 0.02; // scaling rounds sizes
/** @type {Message} */
const SCALED_DOWN =
  "Scaled down from {from} to {to} pixels, to fit into the request and its answer.";

/**
 * Show a redacted photo. The original comes from the file on this device, if there is one.
 *
 * @param {Photo} photo
 * @param {Finding} finding
 * @param {string} found What was found, in words.
 * @returns {ViewerCard}
 */
export function makeComparison(photo, finding, found) {
  const { result, redacted, scaled, sentBytes } = finding;
  const name = shortName(photo);
  const about = make("div.about", {}, make("h3", {}, photo.name));
  const view = make("div.view.comparing");
  const element = make("article.panel.card", {}, view, about);
  if (!redacted || !result.width || !result.height) {
    const notice = make("p.no-preview", {}, t("This photo was not redacted."));
    view.append(make("div.stage.plain", {}, notice));
    about.append(failure(result.error));
    return { element, close: () => {} };
  }
  const { width, height } = result;
  const { picture } = redacted;
  const address = URL.createObjectURL(picture);
  const stage = style(make("div.stage"), { "--ratio": width / height });
  stage.append(make("img", { src: address, alt: t("{name}, redacted", { name }), ...STILL }));
  view.append(stage);
  const pixels = t("{width} × {height} pixels", { width, height });
  const save = make(
    "button.button.small",
    { type: "button", onclick: () => download(picture, redactedName(photo, picture)) },
    t("Download"),
  );
  about.append(
    make("p.meta", {}, `${pixels}, ${bytes(picture.size)}`),
    make("p.counted", {}, found),
    ...(scaled ? [scaledNote(photo, sentBytes, scaled, SCALED_DOWN)] : []),
    make("div.exports", {}, save),
  );
  const close = () => URL.revokeObjectURL(address);
  if (!photo.file) {
    about.append(make("p.hint", {}, t("A photo sent by its URL has no original on this device.")));
    return { element, close };
  }
  const slider = new Slider(view, stage, about, photo, width / height);
  return {
    element,
    onzoom: () => slider.place(),
    close: () => {
      slider.close();
      close();
    },
  };
}

const STILL = { draggable: "false", decoding: "async" };

/** The original over the redacted photo, up to a divider that can be moved. */
class Slider {
  /**
   * @param {HTMLElement} view Shows a part of the stage.
   * @param {HTMLElement} stage
   * @param {HTMLElement} about
   * @param {Photo} photo
   * @param {number} ratio Width divided by height of the redacted photo.
   */
  constructor(view, stage, about, photo, ratio) {
    this.view = view;
    this.stage = stage;
    this.ratio = ratio;
    const name = shortName(photo);
    this.original = make("img.original", {
      src: photo.source,
      alt: t("{name}, original", { name }),
      ...STILL,
      onload: () => this.check(),
      onerror: () => this.giveUp(),
    });
    this.range = make("input", {
      type: "range",
      value: "50",
      oninput: () => this.place(),
    });
    this.divider = make(
      "div.divider",
      {
        "aria-hidden": "true",
        onpointerdown: (/** @type {PointerEvent} */ event) => this.grab(event),
        onpointermove: (/** @type {PointerEvent} */ event) => this.drag(event),
      },
      make("span.side", {}, t("Original")),
      make("span.side", {}, t("Redacted")),
    );
    this.field = make("label.slider", {}, t("Compare"), this.range);
    stage.append(this.original);
    view.append(this.divider);
    about.firstElementChild?.after(this.field);
    this.observer = new ResizeObserver(() => this.place());
    this.observer.observe(view);
    this.observer.observe(stage);
  }

  close() {
    this.observer.disconnect();
  }

  /** A browser may turn a photo in another way than Carlens, or not at all. */
  check() {
    const { naturalWidth, naturalHeight } = this.original;
    if (Math.abs(naturalWidth / naturalHeight / this.ratio - 1) > SAME_RATIO) this.giveUp();
  }

  giveUp() {
    this.close();
    this.original.remove();
    this.divider.remove();
    const reason = t("This browser cannot show the original beside the redacted photo.");
    this.field.replaceWith(make("p.hint", {}, reason));
  }

  /** The part of the photo that is in view, in pixels of the screen. */
  get seen() {
    const [view, stage] = [this.view, this.stage].map((each) => each.getBoundingClientRect());
    return {
      view,
      stage,
      left: Math.max(view.left, stage.left),
      right: Math.min(view.right, stage.right),
      top: Math.max(view.top, stage.top),
      bottom: Math.min(view.bottom, stage.bottom),
    };
  }

  /** Put the divider where the slider is. */
  place() {
    const { view, stage, left, right, top, bottom } = this.seen;
    const share = Number(this.range.value) / 100;
    this.range.setAttribute("aria-valuetext", t("{share} original", { share: percent(share) }));
    if (!stage.width) return;
    const x = left + share * (right - left);
    style(this.stage, { "--split": `${((x - stage.left) / stage.width) * 100}%` });
    style(this.divider, {
      left: `${x - view.left}px`,
      top: `${top - view.top}px`,
      height: `${bottom - top}px`,
    });
  }

  /** @param {PointerEvent} event */
  grab(event) {
    event.stopPropagation(); // it neither moves the photo nor changes to another
    event.preventDefault();
    this.divider.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.divider.hasPointerCapture(event.pointerId)) return;
    event.stopPropagation();
    const { left, right } = this.seen;
    this.range.value = String((100 * (event.clientX - left)) / (right - left));
    this.place();
  }
}
