// Makes and models as people write them, in one spelling.

/**
 * Make a name printable, with single spaces.
 *
 * @param {string} text
 */
export const plainName = (text) =>
  text.normalize("NFC").replace(/\s+/g, " ").replace(/\p{C}/gu, "").trim();

/** @param {string} text */
const key = (text) => plainName(text).toLowerCase();

/**
 * Return whether two names differ in nothing but case and spaces.
 *
 * @param {string} one
 * @param {string} other
 */
export const sameName = (one, other) => key(one) === key(other);

/**
 * Drop the make from a model that starts with it.
 *
 * @param {string} model
 * @param {string} maker
 */
export const withoutMake = (model, maker) =>
  key(model).startsWith(`${key(maker)} `)
    ? plainName(model).slice(plainName(maker).length + 1)
    : model;

/**
 * Write a name as the classifier was taught it, if it was.
 *
 * @param {string} maker
 * @param {string} model
 * @param {{ name: string, models: string[] }[]} taught
 */
export function spell(maker, model, taught) {
  const known = taught.find(({ name }) => sameName(name, maker));
  const plain = plainName(withoutMake(plainName(model), plainName(maker)));
  return {
    make: known?.name ?? plainName(maker),
    model: known?.models.find((name) => sameName(name, plain)) ?? plain,
  };
}

/**
 * Give names that differ in case only the spelling that comes last.
 *
 * @template {{ make: string, model: string }} T
 * @param {T[]} names
 * @returns {T[]}
 */
export function unify(names) {
  const makes = new Map(names.map((name) => [key(name.make), name.make]));
  const models = new Map(names.map((name) => [key(`${name.make} ${name.model}`), name.model]));
  return names.map((name) => ({
    ...name,
    make: makes.get(key(name.make)) ?? name.make,
    model: models.get(key(`${name.make} ${name.model}`)) ?? name.model,
  }));
}
