// What the user has named, as photos and a CSV file that `make teach` reads.

/** @import { Finding, Photo } from "./types" */
import { MAX_CANVAS_PIXELS, readableImage } from "./annotate.js";
import { limits } from "./client.js";
import { writeCsv } from "./csv.js";
import { download, make } from "./dom.js";
import { fullName, plural, t } from "./i18n.js";
import { shortName } from "./session.js";
import { unify } from "./spelling.js";
import { Zip } from "./zip.js";

const ARCHIVE = "carlens-corrections.zip";
const COLUMNS = ["file", "make", "model", "x1", "y1", "x2", "y2"];
const ENOUGH_PHOTOS = 2; // of a model, for `make teach`

/** @typedef {{ file: string, make: string, model: string, box: number[] }} Row */

/**
 * Save the photos with vehicles that the user has named.
 *
 * @param {Photo[]} photos
 * @returns {Promise<HTMLElement[]>} What was saved and what was not, for the user.
 */
export async function saveCorrections(photos) {
  const zip = new Zip();
  /** @type {Row[]} */
  const found = [];
  /** @type {Photo[]} */
  const missing = [];
  for (const photo of photos) {
    const picture = await pictureOf(photo);
    if (!picture) {
      missing.push(photo);
      continue;
    }
    const { name, blob, scale } = picture;
    const file = await zip.add(name, blob, "photos/");
    found.push(...rowsOf(photo, file, scale));
  }
  const rows = unify(found);
  if (rows.length) {
    const cells = rows.map(({ file, make, model, box }) => [file, make, model, ...box.map(String)]);
    await zip.add("photos.csv", new Blob([writeCsv([COLUMNS, ...cells])]));
    download(zip.finish(), ARCHIVE);
  }
  return [...describeSaved(rows), ...describeMissing(missing)];
}

/**
 * @param {Photo} photo
 * @param {string} file
 * @param {number} scale
 * @returns {Row[]}
 */
function rowsOf({ findings }, file, scale) {
  return (findings.predict?.result.objects ?? []).flatMap(({ correction, x1, y1, x2, y2 }) => {
    if (!correction?.make) return [];
    const box = [x1, y1, x2, y2].map((side) => Math.round(side * scale * 100) / 100);
    return [{ file, make: correction.make, model: correction.model, box }];
  });
}

/**
 * Get the picture that the boxes were found in: the file as it is, or a copy if the photo is at a
 * URL or too large to be read by Carlens.
 *
 * @param {Photo} photo
 * @returns {Promise<{ name: string, blob: Blob, scale: number } | null>} With what to multiply the
 *   boxes by. null if this page cannot read the picture.
 */
async function pictureOf(photo) {
  const { result, scaled } = /** @type {Finding} */ (photo.findings.predict);
  const [width, height] = [result.width ?? 0, result.height ?? 0];
  const tooLarge =
    scaled &&
    ((photo.file?.size ?? 0) > limits.picture_bytes || width * height > limits.picture_pixels);
  if (photo.file && !tooLarge) {
    const blob = await whole(photo.file);
    return blob && { name: photo.name, blob, scale: 1 };
  }
  const image = await readableImage(photo);
  if (!image) return null;
  const { naturalWidth, naturalHeight } = image;
  const reduction = Math.min(1, Math.sqrt(MAX_CANVAS_PIXELS / (naturalWidth * naturalHeight)));
  const size = {
    width: Math.round(naturalWidth * reduction),
    height: Math.round(naturalHeight * reduction),
  };
  const canvas = make("canvas", size);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff"; // JPEG has no transparency
  context.fillRect(0, 0, size.width, size.height);
  context.drawImage(image, 0, 0, size.width, size.height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  const name = `${shortName(photo).replace(/\.\w+$/, "")}.jpg`;
  return blob && { name, blob, scale: size.width / width };
}

/**
 * Read a file, which may have changed or gone since it was chosen.
 *
 * @param {File} file
 */
const whole = (file) =>
  file.arrayBuffer().then(
    (content) => new Blob([content]),
    () => null,
  );

/** @param {Row[]} rows */
function describeSaved(rows) {
  if (!rows.length) return [];
  /** @type {Map<string, Set<string>>} */
  const models = new Map();
  for (const row of rows) {
    const name = fullName(row);
    models.set(name, (models.get(name) ?? new Set()).add(row.file));
  }
  const few = [...models].filter(([, files]) => files.size < ENOUGH_PHOTOS).map(([name]) => name);
  const vehicles = plural(rows.length, "{n} vehicle", "{n} vehicles");
  const cars = plural(models.size, "{n} model", "{n} models");
  const saved = t("{name} saved: {vehicles} of {models}. Unpack it and run:", {
    name: ARCHIVE,
    vehicles,
    models: cars,
  });
  const command = `unzip ${ARCHIVE} -d corrections\nmake teach PHOTOS=corrections/photos.csv NAME=my-cars`;
  return [
    make("p", {}, saved),
    make("pre", { tabindex: "0" }, make("code", {}, command)),
    ...(models.size < 2 || few.length
      ? [
          make(
            "p",
            {},
            t("Teaching needs at least two models, each with two photos of different cars."),
          ),
        ]
      : []),
    ...(few.length
      ? [make("p", {}, t("Only one photo: {names}.", { names: few.join(", ") }))]
      : []),
  ];
}

/** @param {Photo[]} missing */
function describeMissing(missing) {
  const [files, urls] = [missing.filter(({ file }) => file), missing.filter(({ file }) => !file)];
  /** @param {Photo[]} left */
  const names = (left) => left.map(shortName).join(", ");
  return [
    ...(urls.length
      ? [
          make(
            "p.left-out",
            {},
            t(
              "Left out, because their site does not allow this page to copy them: {names}. Save these photos, add the files here and name the vehicles again.",
              { names: names(urls) },
            ),
          ),
        ]
      : []),
    ...(files.length
      ? [
          make(
            "p.left-out",
            {},
            t("Left out, because this browser cannot read them: {names}.", { names: names(files) }),
          ),
        ]
      : []),
  ];
}
