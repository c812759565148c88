// What the user wants to see: which objects, which photos, and in which order.

/** @import { Detection, Photo, PhotoState, SortOrder } from "./types" */
import { isDismissed, isNamed, isUncertain } from "./naming.js";
import { analyzed, findingOf, shortName } from "./session.js";

export const filters = {
  /** The lowest confidence that is shown, 0 to 1. */
  threshold: 0.4,
  /**
   * The classes to show; none stands for all.
   *
   * @type {Set<string>}
   */
  kinds: new Set(),
  /**
   * The makes to show; none stands for all, with or without a make.
   *
   * @type {Set<string>}
   */
  makes: new Set(),
  /** @type {PhotoState} */
  state: "all",
  /** @type {SortOrder} */
  order: "sent",
};

/** @param {Detection} object */
export const isConfident = (object) => object.confidence >= filters.threshold;

/** @param {Detection} object */
export const makeOf = ({ make, correction }) =>
  correction ? correction.make : make?.certain ? make.name : "";

/** @param {Detection} object */
export const passes = (object) =>
  isConfident(object) &&
  (!filters.kinds.size || filters.kinds.has(object.class_name)) &&
  (!filters.makes.size || filters.makes.has(makeOf(object)));

/**
 * Return all objects of a photo but those that the user says are not vehicles.
 *
 * @param {Photo} photo
 */
export const objectsOf = (photo) =>
  (findingOf(photo)?.result.objects ?? []).filter((object) => !isDismissed(object));

/** @param {Photo} photo */
export const shownObjects = (photo) => objectsOf(photo).filter(passes);

/** @param {Photo} photo */
export const hasFailed = (photo) => Boolean(findingOf(photo)?.result.error);

/** @type {Record<PhotoState, (photo: Photo) => boolean>} */
const STATES = {
  all: () => true,
  vehicles: (photo) => shownObjects(photo).length > 0,
  named: (photo) => shownObjects(photo).some(isNamed),
  uncertain: (photo) => shownObjects(photo).some(isUncertain),
  corrected: (photo) =>
    Boolean(findingOf(photo)?.result.objects.some(({ correction }) => correction)),
  failed: hasFailed,
};

/** The photos that are not hidden because they show none of the chosen kinds and makes. */
function listed() {
  if (!filters.kinds.size && !filters.makes.size) return analyzed();
  return analyzed().filter((photo) => hasFailed(photo) || shownObjects(photo).length > 0);
}

/** Count the photos in each state. */
export function countStates() {
  const photos = listed();
  return Object.entries(STATES).map(
    ([state, has]) => /** @type {[PhotoState, number]} */ ([state, photos.filter(has).length]),
  );
}

/** @param {Photo} photo */
const highest = (photo) => Math.max(0, ...shownObjects(photo).map((o) => o.confidence));

/** @type {Record<SortOrder, (a: Photo, b: Photo) => number>} */
const ORDERS = {
  sent: () => 0,
  name: (a, b) => shortName(a).localeCompare(shortName(b), undefined, { numeric: true }),
  confidence: (a, b) => highest(b) - highest(a),
  count: (a, b) => shownObjects(b).length - shownObjects(a).length,
};

/** The photos that the filters let through, sorted. */
export const shownPhotos = () => listed().filter(STATES[filters.state]).sort(ORDERS[filters.order]);

/**
 * Count values, the most frequent first.
 *
 * @param {string[]} values
 * @returns {Map<string, number>}
 */
export function tally(values) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}
