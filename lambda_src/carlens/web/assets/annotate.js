// A photo with its boxes and names, drawn into one picture.

/** @import { Drawable, Detection, Naming, Spot, TagSize } from "./types" */
import { download, make } from "./dom.js";
import { t } from "./i18n.js";
import { isDismissed } from "./naming.js";
import { placeTags } from "./overlay.js";
import { shortName } from "./session.js";

/**
 * Save a photo with its boxes as PNG.
 *
 * @param {Drawable} shown
 * @returns {Promise<string>} What was saved, for the user.
 */
export async function saveAnnotated(shown) {
  const { photo } = shown;
  const { blob, complete } = await annotated(shown, "image/png");
  if (!blob) return t("The PNG could not be created: the photo is too large for this browser.");
  const name = `${shortName(photo).replace(/\.\w+$/, "")}-carlens.png`;
  download(blob, name);
  if (complete) return t("{name} saved.", { name });
  return photo.file
    ? t("{name} saved with the boxes only: this browser cannot display this file.", { name })
    : t(
        "{name} saved with the boxes only: that site does not allow this page to copy its photo. To get both, save the photo and send the file.",
        { name },
      );
}

/**
 * Draw a photo with its boxes and tags; without the photo if the browser cannot read it.
 *
 * @param {Drawable} shown
 * @param {"image/png" | "image/jpeg"} type
 * @returns {Promise<{ blob: Blob | null, complete: boolean }>} Without a blob, the canvas is too
 *   large for the browser; `complete` says whether the photo is in it.
 */
export async function annotated(shown, type) {
  const image = await readableImage(shown.photo);
  return { blob: await annotate(shown, image, type), complete: image !== null };
}

/** @type {Record<Naming["how"], { line: string, paper: string, ink: string, font: string }>} */
const STYLES = {
  sure: { line: "#2df5dc", paper: "#2df5dc", ink: "#03201d", font: "600" },
  kind: { line: "#ffffff", paper: "rgb(10 16 18 / 82%)", ink: "#ffffff", font: "500" },
  own: { line: "#ffd23f", paper: "#ffd23f", ink: "#251c00", font: "600" },
  dismissed: { line: "#ffffff", paper: "rgb(10 16 18 / 82%)", ink: "#ffffff", font: "500" },
};
export const MAX_CANVAS_PIXELS = 16_000_000; // every phone has room for as many

/**
 * Draw the boxes and tags that are shown: on the photo, or on nothing without one.
 *
 * @param {Drawable} shown
 * @param {HTMLImageElement | null} image
 * @param {string} type
 * @returns {Promise<Blob | null>}
 */
async function annotate({ result, items }, image, type) {
  const [resultWidth, resultHeight] = [result.width ?? 0, result.height ?? 0];
  const fullWidth = image?.naturalWidth ?? resultWidth;
  const fullHeight = image?.naturalHeight ?? resultHeight;
  const reduction = Math.min(1, Math.sqrt(MAX_CANVAS_PIXELS / (fullWidth * fullHeight)));
  const width = Math.round(fullWidth * reduction);
  const height = Math.round(fullHeight * reduction);
  const canvas = make("canvas", { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (type === "image/jpeg") {
    context.fillStyle = "#ffffff"; // transparent parts would become black
    context.fillRect(0, 0, width, height);
  }
  if (image) context.drawImage(image, 0, 0, width, height);

  const scale = width / resultWidth;
  const unit = Math.max(1, Math.max(width, height) / 1000);
  const shown = items.filter((item) => item.shown !== false && !isDismissed(item.object));
  for (const { object, name } of shown) drawBox(context, object, name, scale, unit);
  context.textBaseline = "middle";
  // New tags, because those on the screen keep their positions.
  const tags = shown.map(({ object, name, number }) =>
    measureTag(context, object, name, number, unit),
  );
  placeTags(tags, scale, width, height);
  for (const tag of tags) drawTag(context, tag, unit);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
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
 * @param {Drawable["photo"]} photo
 * @returns {Promise<HTMLImageElement | null>} null if the browser cannot display the file, or the
 *   site does not let other pages read it.
 */
export async function readableImage(photo) {
  const image = new Image();
  if (!photo.file) {
    image.crossOrigin = "anonymous";
    image.referrerPolicy = "no-referrer";
  }
  image.src = photo.source;
  return image.decode().then(
    () => image,
    () => null,
  );
}
