// The tiles of photos with vehicles: their boxes, and a line that sums them up.

/** @import { Detection, Photo, Tiles } from "./types" */
import { makeSvg } from "./dom.js";
import { hasFailed, objectsOf, shownObjects } from "./filters.js";
import { t } from "./i18n.js";
import { isNamed, nameOf } from "./naming.js";
import { findingOf } from "./session.js";
import { thumbnailOf } from "./thumbnails.js";

/** @type {Tiles} */
export const vehicleTiles = {
  summarize,
  lookOf: (photo) => shownObjects(photo).map((o) => [o.x1, o.y1, o.x2, o.y2, howOf(o)]),
  thumbnailOf: async (photo) => (photo.file ? thumbnailOf(photo.file) : photo.source),
  marksOf: (photo) => {
    const { width, height } = findingOf(photo)?.result ?? {};
    return width && height ? [boxes(photo, width, height)] : [];
  },
};

/** @param {Detection} object */
const howOf = (object) => (object.correction ? "own" : isNamed(object) ? "sure" : "kind");

/**
 * @param {Photo} photo
 * @param {number} width
 * @param {number} height
 */
function boxes(photo, width, height) {
  const rects = shownObjects(photo).map((object) => {
    const { x1, y1, x2, y2 } = object;
    const size = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
    const shape = `g.shape.${howOf(object)}`;
    return makeSvg(shape, {}, makeSvg("rect.halo", size), makeSvg("rect.line", size));
  });
  return makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...rects);
}

/**
 * Sum up a photo in a line, the names first.
 *
 * @type {Tiles["summarize"]}
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
  const how = howOf(first);
  const text = more ? `${title} ${t("+{n}", { n: more })}` : title;
  return [text, how === "kind" ? "plain" : how];
}
