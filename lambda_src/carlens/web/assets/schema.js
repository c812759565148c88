// The schemas of the contract, as lists of fields.

/** @import { Contract, Schema } from "./types" */
import { make } from "./dom.js";
import { translated } from "./i18n.js";
import { markdown } from "./markdown.js";

const MAX_DEPTH = 7; // of nested fields

/** @type {Contract | null} */
let contract = null;

/** @param {Contract} document Where references lead to. */
export function useContract(document) {
  contract = document;
}

/**
 * Follow a reference, if it is one.
 *
 * @template {object} T
 * @param {T | undefined} value
 * @returns {T}
 */
export function resolve(value) {
  /** @type {any} */
  let found = value;
  for (let depth = 0; found?.$ref && depth < 9; depth++) {
    found = found.$ref.slice(2).split("/").reduce(member, contract);
  }
  return found ?? {};
}

/**
 * @param {any} value
 * @param {string} name A step of a JSON pointer.
 */
const member = (value, name) => value?.[name.replaceAll("~1", "/").replaceAll("~0", "~")];

/** @typedef {Schema & Required<Pick<Schema, "properties" | "required">>} MergedSchema */

/**
 * Merge a schema with the parts of its `allOf`.
 *
 * @param {Schema | undefined} found
 * @returns {MergedSchema}
 */
function merge(found) {
  const schema = resolve(found);
  const parts = (schema.allOf ?? []).map(merge);
  return {
    ...Object.assign({}, ...parts),
    ...schema,
    required: [schema, ...parts].flatMap(({ required = [] }) => required),
    properties: Object.assign({}, ...parts.map((part) => part.properties), schema.properties),
  };
}

/**
 * Describe the type of a value in a few words.
 *
 * @param {Schema | undefined} found
 * @returns {string}
 */
function typeText(found) {
  const schema = merge(found);
  return schema.nullable ? `${baseType(schema)} | null` : baseType(schema);
}

/** @param {MergedSchema} schema */
function baseType({ type, format, items, minimum, maximum, enum: values }) {
  if (values && values.length < 4) return values.join(" | ");
  if (type === "array") return `[ ${typeText(items)} ]`;
  return `${format ?? type ?? "any"}${rangeText(minimum, maximum)}`;
}

/**
 * @param {number | undefined} minimum
 * @param {number | undefined} maximum
 */
function rangeText(minimum, maximum) {
  if (maximum !== undefined) return ` ${minimum ?? ""}…${maximum}`;
  return minimum === undefined ? "" : ` ≥ ${minimum}`;
}

/**
 * @param {Schema} schema
 * @param {boolean} [required]
 */
export function typeLabel(schema, required) {
  return make(
    "span.kind-of",
    {},
    typeText(schema),
    ...(schema.default === undefined
      ? []
      : [", ", translated("span", "default"), ` ${schema.default}`]),
    ...(required ? [", ", translated("span", "required")] : []),
  );
}

/**
 * List the fields of a schema, with those of its parts below them.
 *
 * @param {Schema | undefined} found
 * @param {number} [depth]
 * @returns {HTMLElement}
 */
export function fieldList(found, depth = 0) {
  const schema = merge(found);
  const rows = Object.entries(schema.properties).map(([name, value]) =>
    fieldRow(name, merge(value), schema.required.includes(name), depth),
  );
  return make(
    "div.schema",
    {},
    ...(depth === 0 ? markdown(schema.description) : []),
    ...(schema.oneOf ?? []).map((choice) => fieldList(choice, depth)),
    rows.length ? make("ul", {}, ...rows) : null,
    schema.type === "array" ? nested(schema.items, depth) : null,
  );
}

/**
 * @param {string} name
 * @param {MergedSchema} schema
 * @param {boolean} required
 * @param {number} depth
 */
function fieldRow(name, schema, required, depth) {
  return make(
    "li",
    {},
    make("code", {}, name),
    " ",
    typeLabel(schema, required),
    ...markdown(schema.description),
    nested(schema.type === "array" ? schema.items : schema, depth),
  );
}

/**
 * @param {Schema | undefined} schema
 * @param {number} depth
 */
const nested = (schema, depth) =>
  depth < MAX_DEPTH && hasFields(schema) ? fieldList(schema, depth + 1) : null;

/**
 * @param {Schema | undefined} found
 * @returns {boolean}
 */
function hasFields(found) {
  const { properties, oneOf, type, items } = merge(found);
  return (
    Object.keys(properties).length > 0 || Boolean(oneOf) || (type === "array" && hasFields(items))
  );
}
