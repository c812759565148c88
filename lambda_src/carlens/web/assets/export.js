// What the user can save: JSON, CSV, COCO, and the photos with their boxes.

/** @import { Detection, Drawable, Photo, Result } from "./types" */
import { annotated } from "./annotate.js";
import { plain, writeCsv } from "./csv.js";
import { download } from "./dom.js";
import { plural, t } from "./i18n.js";
import { nameOf } from "./naming.js";
import { findingOf, shortName } from "./session.js";
import { announce } from "./status.js";
import { Zip } from "./zip.js";

/**
 * @typedef {object} Row One photo of an export.
 * @property {Photo} photo
 * @property {number} index Of the photo, in the order sent.
 * @property {Result} result With the objects to export.
 */

const PHOTO_COLUMNS = ["picture", "index", "width", "height"];
const OBJECT_COLUMNS = [
  ...["x1", "y1", "x2", "y2", "class", "confidence"],
  ...["display", "certain", "make", "make_probability", "make_certain"],
  ...["model", "model_probability", "model_certain", "name", "probability"],
  ...["verdict", "correct_make", "correct_model"],
];
const COLUMNS = [...PHOTO_COLUMNS, ...OBJECT_COLUMNS, "error"];

/**
 * Write results as CSV: a row for each object, and one for each photo that failed.
 *
 * @param {Row[]} rows
 */
export function toCsv(rows) {
  const cells = rows.flatMap(({ photo, index, result }) => {
    const about = [photo.name, index, result.width, result.height];
    if (result.error)
      return [[...about, ...OBJECT_COLUMNS.map(() => ""), result.error.code || "failed"]];
    return result.objects.map((o) => [
      ...about,
      ...[o.x1, o.y1, o.x2, o.y2, o.class_name, o.confidence],
      ...[o.display ?? o.class_name, o.certain, o.make?.name, o.make?.prob, o.make?.certain],
      ...[o.model?.name, o.model?.prob, o.model?.certain, o.pred?.[0], o.prob?.[0]],
      ...[o.correction?.verdict, o.correction?.make, o.correction?.model],
      "",
    ]);
  });
  // A spreadsheet would run a file name that starts like a formula, but not a number.
  const texts = cells.map((row) =>
    row.map((value) => (typeof value === "string" ? plain(value) : String(value ?? ""))),
  );
  return writeCsv([COLUMNS, ...texts]);
}

/**
 * Write results as the API answers them.
 *
 * @param {Row[]} rows
 */
export const toJson = (rows) =>
  JSON.stringify(
    { images: rows.map(({ photo, result }) => ({ ...result, name: photo.name })) },
    null,
    2,
  );

/**
 * Write results as COCO annotations, with the class as category and the name as an attribute.
 *
 * @param {Row[]} rows
 */
export function toCoco(rows) {
  const pictures = rows.filter(({ result }) => !result.error);
  const found = pictures.flatMap(({ index, result }) =>
    result.objects.map((object) => ({ index, object })),
  );
  const classes = [...new Set(found.map(({ object }) => object.class_name))].sort();
  const coco = {
    info: { description: "Carlens" },
    images: pictures.map(({ photo, index, result: { width, height } }) => ({
      id: index + 1,
      file_name: shortName(photo),
      width,
      height,
    })),
    categories: classes.map((name, i) => ({ id: i + 1, name, supercategory: "" })),
    annotations: found.map(({ index, object }, i) => annotation(i, index, object, classes)),
  };
  return JSON.stringify(coco, null, 2);
}

/**
 * @param {number} i
 * @param {number} index
 * @param {Detection} object
 * @param {string[]} classes
 */
function annotation(i, index, object, classes) {
  const [width, height] = [object.x2 - object.x1, object.y2 - object.y1];
  return {
    id: i + 1,
    image_id: index + 1,
    category_id: classes.indexOf(object.class_name) + 1,
    bbox: [object.x1, object.y1, width, height],
    area: width * height,
    iscrowd: 0,
    score: object.confidence,
    attributes: {
      name: object.display ?? object.class_name,
      certain: object.certain ?? false,
      ...correctionAttributes(object),
    },
  };
}

/** @param {Detection} object */
function correctionAttributes({ correction }) {
  if (!correction) return {};
  const { verdict, make, model } = correction;
  return { verdict, correct_make: make, correct_model: model };
}

/**
 * Save the photos with their boxes as a ZIP archive.
 *
 * @param {Row[]} rows
 */
export async function saveZip(rows) {
  const zip = new Zip();
  const pictures = rows.filter(({ result }) => !result.error);
  let missing = 0;
  for (const [i, { photo, result }] of pictures.entries()) {
    announce(() => t("Drawing photo {i} of {n}…", { i: i + 1, n: pictures.length }));
    const { blob, complete } = await annotated(drawable(photo, result), "image/jpeg");
    if (blob && complete) await zip.add(`${shortName(photo).replace(/\.\w+$/, "")}.jpg`, blob);
    else missing++;
  }
  const name = "carlens.zip";
  download(zip.finish(), name);
  announce(() =>
    missing
      ? plural(
          missing,
          "{name} saved, without {n} photo that this browser cannot draw.",
          "{name} saved, without {n} photos that this browser cannot draw.",
          { name },
        )
      : t("{name} saved.", { name }),
  );
}

/**
 * @param {Photo} photo
 * @param {Result} result
 * @returns {Drawable}
 */
function drawable(photo, result) {
  const named = findingOf(photo)?.named ?? false;
  const items = result.objects.map((object, i) => ({
    object,
    name: nameOf(object, named),
    number: i + 1,
  }));
  return { photo, result, items };
}
