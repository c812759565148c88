// The API view: what openapi.json documents, to read and to try.

/** @import { Contract, MediaType, Operation, Parameter, RequestBody, Answered } from "./types" */
import { apiFetch, parseAnswer } from "./client.js";
import { $, loadStyles, make } from "./dom.js";
import { drawGuide, GUIDE } from "./guide.js";
import { t, translated, withName } from "./i18n.js";
import { codeBlock, markdown } from "./markdown.js";
import { fieldList, resolve, typeLabel, useContract } from "./schema.js";
import { explain } from "./status.js";
import { exampleText, statusBadge, trialForm } from "./trial.js";

await loadStyles(new URL("api.css", import.meta.url).href);

/** @type {Contract | null} */
let contract = null;

/** Settles when no call of `showContract` is under way. */
let idle = Promise.resolve();

/**
 * Load and show the contract only once, to keep what the user has entered into its forms.
 *
 * Calls run one after the other: a later one must not draw over what an earlier one has focused.
 *
 * @param {(id: string) => void} onOpen Called with the id of a heading chosen in the contents.
 */
export function showContract(onOpen) {
  const shown = idle.then(() => loadContract(onOpen));
  idle = shown.catch(() => {});
  return shown;
}

/** @param {(id: string) => void} onOpen */
async function loadContract(onOpen) {
  if (contract) return;
  $("contract").replaceChildren(make("p.hint", { role: "status" }, t("Loading the API contract…")));
  try {
    const response = await apiFetch("openapi.json");
    contract = parseAnswer(response.status, await response.text(), (value) => value?.paths);
  } catch (error) {
    $("contract").replaceChildren(make("div.problem", { role: "alert" }, ...explain(error)));
    return;
  }
  if (contract) drawContract(contract, onOpen);
}

/**
 * @param {Contract} document
 * @param {(id: string) => void} onOpen
 */
function drawContract(document, onOpen) {
  useContract(document);
  const { info, paths, tags } = document;
  const [intro, ...chapters] = info.description.split(/^(?=## )/m);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.responses)
      .map(([method, operation]) => ({ ...operation, path, method })),
  );
  const groups = tags.map(({ name, description }) => ({
    name,
    description,
    operations: operations.filter((operation) => operation.tags?.includes(name)),
  }));
  const headings = [
    { id: GUIDE, label: [translated("span", "Integrate Carlens")] },
    ...groups.flatMap((group) => group.operations.map(operationEntry)),
    ...chapters.map(chapterEntry),
  ];
  const contents = make(
    "details.contents",
    // On a phone, the page opens on the guide and not on a list of links.
    { open: matchMedia("(min-width: 60rem)").matches },
    translated("summary", "On this page"),
    withName(make("nav", {}, drawContents(headings, onOpen)), () => t("On this page")),
  );
  const version = translated("span", "version {version}", { version: info.version });
  const formats = document.components.parameters.Format.schema.enum ?? [];
  $("contract").replaceChildren(
    contents,
    make(
      "div.chapters",
      {},
      drawGuide(),
      make("section.preface", { lang: "en" }, ...markdown(intro), make("p.hint", {}, version)),
      ...groups.map((group) =>
        make(
          "section.group",
          { lang: "en" },
          make("h2", {}, group.name),
          make("p.hint", {}, group.description),
          ...group.operations.map((operation) => drawOperation(operation, formats)),
        ),
      ),
      make("section.panel.guide", { lang: "en" }, ...chapters.flatMap(drawChapter)),
    ),
  );
}

/**
 * Scroll to a heading of the contract and focus it.
 *
 * @param {string} id
 */
export function goTo(id) {
  const heading = document.getElementById(id);
  if (!heading?.closest("#contract")) return;
  heading.focus({ preventScroll: true });
  heading.scrollIntoView();
}

// Contents and chapters ---------------------------------------------------------------------

/** @typedef {{ id: string, label: HTMLElement[] }} Entry */

/**
 * @param {Operation} operation
 * @returns {Entry}
 */
const operationEntry = ({ operationId, method, path }) => ({
  id: operationId,
  label: [methodBadge(method), make("code", {}, path)],
});

/**
 * @param {string} chapter
 * @returns {Entry}
 */
function chapterEntry(chapter) {
  const { title, id } = splitChapter(chapter);
  return { id, label: [make("span", { lang: "en" }, title)] };
}

/**
 * @param {Entry[]} entries
 * @param {(id: string) => void} onOpen
 */
function drawContents(entries, onOpen) {
  // Buttons, since with a base element a link to a fragment may lead to another page.
  return make(
    "ul",
    {},
    ...entries.map(({ id, label }) => {
      const onclick = () => {
        onOpen(id);
        goTo(id);
      };
      return make("li", {}, make("button", { type: "button", onclick }, ...label));
    }),
  );
}

/** @param {string} chapter A heading of the second level, and what is below it. */
function splitChapter(chapter) {
  const [first, ...rest] = chapter.split("\n");
  const title = first.slice("## ".length);
  return { title, id: title.toLowerCase().replace(/[^a-z0-9]+/g, "-"), text: rest.join("\n") };
}

/** @param {string} chapter */
function drawChapter(chapter) {
  const { title, id, text } = splitChapter(chapter);
  return [make("h2", { id, tabindex: "-1" }, title), ...markdown(text)];
}

// Operations --------------------------------------------------------------------------------

/** @param {string} method */
const methodBadge = (method) => make(`span.method.${method}`, {}, method.toUpperCase());

/**
 * @param {Operation} operation
 * @param {string[]} formats
 */
function drawOperation(operation, formats) {
  const { path, method, operationId, summary, description, responses } = operation;
  /** @type {Parameter[]} */
  const parameters = (operation.parameters ?? []).map(resolve);
  const body = operation.requestBody && resolve(operation.requestBody);
  return make(
    "article.panel.operation",
    { "aria-labelledby": operationId },
    make(
      "div.reading",
      {},
      make("h3", { id: operationId, tabindex: "-1" }, methodBadge(method), make("code", {}, path)),
      make("p.summary", {}, summary),
      ...markdown(description),
      ...(parameters.length
        ? [translated("h4", "Parameters"), make("dl", {}, ...parameters.flatMap(drawParameter))]
        : []),
      ...(body ? [translated("h4", "Request body"), ...drawBody(body)] : []),
      translated("h4", "Answers"),
      ...drawAnswers(responses, formats),
    ),
    trialForm(operation, parameters, body),
  );
}

/** @param {Parameter} parameter */
function drawParameter({ name, description, schema, required }) {
  return [
    make("dt", {}, make("code", {}, name), " ", typeLabel(schema, required)),
    make("dd", {}, ...markdown(description)),
  ];
}

/** @param {RequestBody} body */
function drawBody({ description, content }) {
  /** @type {Map<string, MediaType & { types: string[] }>} One table for types of the same schema. */
  const tables = new Map();
  for (const [type, { schema, example }] of Object.entries(content)) {
    const key = JSON.stringify(schema);
    const same = tables.get(key);
    if (same) same.types.push(type);
    else tables.set(key, { types: [type], schema, example });
  }
  return [
    ...markdown(description),
    ...[...tables.values()].map(({ types, schema, example }) =>
      make(
        "details",
        {},
        make("summary", {}, ...types.flatMap((type) => [make("code", {}, type), " "])),
        fieldList(schema),
        example ? codeBlock(exampleText(example)) : null,
      ),
    ),
  ];
}

/**
 * Draw the successful answers, and the errors under one heading.
 *
 * @param {Record<string, Answered>} responses
 * @param {string[]} formats
 */
function drawAnswers(responses, formats) {
  const all = Object.entries(responses);
  const errors = all.filter(([status]) => Number(status) >= 400);
  const badges = errors.flatMap(([status]) => [statusBadge(status), " "]);
  /** @param {[string, Answered]} entry */
  const draw = ([status, answer]) => drawAnswer(status, resolve(answer), formats);
  return [
    ...all.filter(([status]) => Number(status) < 400).map(draw),
    make(
      "details.errors",
      {},
      make("summary", {}, translated("span", "Errors"), " ", ...badges),
      ...errors.map(draw),
    ),
  ];
}

/**
 * @param {string} status
 * @param {Answered} answer
 * @param {string[]} formats
 */
function drawAnswer(status, { description, content = {} }, formats) {
  const media = Object.values(content);
  const schemas = Number(status) < 400 ? media.map(({ schema }) => schema).filter(Boolean) : [];
  return make(
    "details",
    {},
    make("summary", {}, statusBadge(status), " ", description.trim()),
    ...media.flatMap((type) => drawExamples(type, formats)),
    ...schemas.map((schema) =>
      make("details.inner", {}, translated("summary", "Fields"), fieldList(schema)),
    ),
  );
}

/**
 * @param {MediaType} media
 * @param {string[]} formats The values of `format`, which name the examples of both forms.
 */
function drawExamples({ examples, example }, formats) {
  if (!examples) return example ? [codeBlock(exampleText(example))] : [];
  return Object.entries(examples).map(([name, found]) => {
    const { summary, value } = resolve(found);
    const caption = [formats.includes(name) && `format=${name}`, summary].filter(Boolean);
    return codeBlock(exampleText(value), caption.join(": "));
  });
}
