// What the user can save: what is shown as CSV, and a photo with its boxes as PNG.

/** @import { Card, Detection, Naming, Spot, TagSize } from "./types" */
import { download, make } from "./dom.js";
import { t } from "./i18n.js";
import { placeTags } from "./overlay.js";
import { shortName } from "./session.js";

const PHOTO_COLUMNS = ["picture", "index", "width", "height"];
const OBJECT_COLUMNS = [
  ...["x1", "y1", "x2", "y2", "class", "confidence"],
  ...["display", "certain", "make", "make_probability", "make_certain"],
  ...["model", "model_probability", "model_certain", "name", "probability"],
];
const COLUMNS = [...PHOTO_COLUMNS, ...OBJECT_COLUMNS, "error"];

/**
 * Write what the filters show as CSV: a row for each object, and one for each photo that failed.
 *
 * @param {Card[]} cards
 */
export function toCsv(cards) {
  const rows = cards.flatMap(({ photo, result, items, failed }, index) => {
    const about = [photo.name, index, result.width, result.height];
    const empty = OBJECT_COLUMNS.map(() => "");
    if (failed) return [[...about, ...empty, result.error?.code || "failed"]];
    return items
      .filter((item) => item.shown)
      .map(({ object: o }) => [
        ...about,
        ...[o.x1, o.y1, o.x2, o.y2, o.class_name, o.confidence],
        ...[o.display ?? o.class_name, o.certain, o.make?.name, o.make?.prob, o.make?.certain],
        ...[o.model?.name, o.model?.prob, o.model?.certain, o.pred?.[0], o.prob?.[0]],
        "",
      ]);
  });
  const lines = [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`);
  return `\ufeff${lines.join("")}`; // the byte order mark tells Excel that this is UTF-8
}

/** @param {unknown} value */
function cell(value) {
  let text = String(value ?? "");
  // A spreadsheet would run a file name that starts like a formula.
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Save a photo with its boxes as PNG.
 *
 * @param {Card} card
 * @returns {Promise<string>} What was saved, for the user.
 */
export async function saveAnnotated(card) {
  const image = await readableImage(card);
  const blob = await annotate(card, image);
  if (!blob) return t("The PNG could not be created: the photo is too large for this browser.");
  const name = `${shortName(card.photo).replace(/\.\w+$/, "")}-carlens.png`;
  download(blob, name);
  if (image) return t("{name} saved.", { name });
  return card.photo.file
    ? t("{name} saved with the boxes only: this browser cannot display this file.", { name })
    : t(
        "{name} saved with the boxes only: that site does not allow this page to copy its photo. To get both, save the photo and send the file.",
        { name },
      );
}

/** @type {Record<Naming["how"], { line: string, paper: string, ink: string, font: string }>} */
const STYLES = {
  sure: { line: "#2df5dc", paper: "#2df5dc", ink: "#03201d", font: "600" },
  kind: { line: "#ffffff", paper: "rgb(10 16 18 / 82%)", ink: "#ffffff", font: "500" },
};
const MAX_CANVAS_PIXELS = 16_000_000; // every phone has room for as many

/**
 * Draw the boxes and tags that are shown: on the photo, or on nothing without one.
 *
 * @param {Card} card
 * @param {HTMLImageElement | null} image
 * @returns {Promise<Blob | null>} A PNG; null if the canvas is too large for the browser.
 */
async function annotate({ result, items }, image) {
  const [resultWidth, resultHeight] = [result.width ?? 0, result.height ?? 0];
  const fullWidth = image?.naturalWidth ?? resultWidth;
  const fullHeight = image?.naturalHeight ?? resultHeight;
  const reduction = Math.min(1, Math.sqrt(MAX_CANVAS_PIXELS / (fullWidth * fullHeight)));
  const width = Math.round(fullWidth * reduction);
  const height = Math.round(fullHeight * reduction);
  const canvas = make("canvas", { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (image) context.drawImage(image, 0, 0, width, height);

  const scale = width / resultWidth;
  const unit = Math.max(1, Math.max(width, height) / 1000);
  const shown = items.filter((item) => item.shown);
  for (const { object, name } of shown) drawBox(context, object, name, scale, unit);
  context.textBaseline = "middle";
  // New tags, because those on the screen keep their positions.
  const tags = shown.map(({ object, name, number }) =>
    measureTag(context, object, name, number, unit),
  );
  placeTags(tags, scale, width, height);
  for (const tag of tags) drawTag(context, tag, unit);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Detection} object
 * @param {Naming} name
 * @param {number} scale
 * @param {number} unit
 */
function drawBox(context, { x1, y1, x2, y2 }, { how }, scale, unit) {
  const width = (how === "kind" ? 1.5 : 2.25) * unit;
  /** @type {[number, number, number, number]} */
  const box = [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale];
  context.strokeStyle = "rgb(0 0 0 / 75%)";
  context.lineWidth = width + 2.5 * unit;
  context.strokeRect(...box);
  context.strokeStyle = STYLES[how].line;
  context.lineWidth = width;
  context.strokeRect(...box);
}

/**
 * @typedef {object} CanvasTag
 * @property {Detection} object
 * @property {Naming} name
 * @property {string} number
 * @property {string} text
 * @property {TagSize} size
 * @property {Spot} [spot]
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Detection} object
 * @param {Naming} name
 * @param {number} number
 * @param {number} unit
 * @returns {CanvasTag}
 */
function measureTag(context, object, name, number, unit) {
  context.font = fontOf(name, unit);
  /** @param {string} text */
  const width = (text) => context.measureText(text).width + 10 * unit;
  const text = `${number} ${name.title}`;
  const size = { full: width(text), short: width(String(number)), height: 20 * unit };
  return { object, name, number: String(number), text, size };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {CanvasTag} tag
 * @param {number} unit
 */
function drawTag(context, { name, number, text, size, spot }, unit) {
  if (!spot) return;
  context.font = fontOf(name, unit);
  context.fillStyle = STYLES[name.how].paper;
  context.fillRect(spot.x, spot.y, spot.width, spot.height);
  context.fillStyle = STYLES[name.how].ink;
  const shown = spot.width === size.full ? text : number;
  context.fillText(shown, spot.x + 5 * unit, spot.y + spot.height / 2);
}

/**
 * @param {Naming} name
 * @param {number} unit
 */
const fontOf = ({ how }, unit) => `${STYLES[how].font} ${13 * unit}px system-ui, sans-serif`;

/**
 * Load the photo so that a canvas can draw it.
 *
 * @param {Card} card
 * @returns {Promise<HTMLImageElement | null>} null if the browser cannot display the file, or the
 *   site does not let other pages read it.
 */
async function readableImage({ photo, image }) {
  const source = photo.file ? image : new Image();
  if (!photo.file) {
    source.crossOrigin = "anonymous";
    source.referrerPolicy = "no-referrer";
    source.src = photo.source;
  }
  return source.decode().then(
    () => source,
    () => null,
  );
}
