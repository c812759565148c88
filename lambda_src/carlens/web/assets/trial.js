// Forms that send a request of the API view and show its answer as it came.

/** @import { Operation, Parameter, RequestBody } from "./types" */
import { apiUrl, keyHeaders, UNREACHABLE } from "./client.js";
import { make } from "./dom.js";
import { bytes, duration, t, translated, withName } from "./i18n.js";
import { curlFile, curlUrl, quote } from "./snippets.js";
import { copy } from "./status.js";

const MAX_CHARACTERS = 200_000; // of an answer that is shown

/**
 * @typedef {object} Body
 * @property {BodyInit} [content]
 * @property {string} [type] The Content-Type, where the browser does not set it.
 * @property {string[]} curl Options of curl that send the same.
 */

/** @typedef {{ rows: HTMLElement[], build: () => Body }} BodyForm */

/**
 * Make a form that tries an operation.
 *
 * @param {Operation} operation
 * @param {Parameter[]} parameters
 * @param {RequestBody | undefined} body
 */
export function trialForm({ path, method }, parameters, body) {
  const fields = parameters.map(parameterField);
  const bodyForm = body ? bodyFields(body) : null;
  const build = () => ({ route: routeOf(path, fields), ...(bodyForm?.build() ?? { curl: [] }) });
  const route = `${method.toUpperCase()} ${path}`;
  const status = make("p.trial-status", { role: "status" });
  const answer = withName(
    make("pre", { tabindex: "0", role: "group", hidden: true }, make("code")),
    () => t("Answer to {route}", { route }),
  );
  const sendButton = make("button.button.primary", {}, translated("span", "Send"));
  const copied = translated("span", "Copy curl");
  const copyCurl = () => copy(curlFor(build()), copied);
  const form = make(
    "form.trial",
    {
      onsubmit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        if (sendButton.getAttribute("aria-disabled") === "true") return;
        sendButton.setAttribute("aria-disabled", "true");
        await run(method, build(), status, answer);
        sendButton.removeAttribute("aria-disabled");
      },
    },
    translated("h4", "Try it"),
    ...fields.map(({ row }) => row),
    ...(bodyForm?.rows ?? []),
    make(
      "div.row",
      {},
      sendButton,
      make("button.button", { type: "button", onclick: copyCurl }, copied),
    ),
    status,
    answer,
  );
  return withName(form, () => `${t("Try it")}: ${route}`);
}

/**
 * Send a request and show the answer.
 *
 * @param {string} method
 * @param {Body & { route: string }} request
 * @param {HTMLElement} status
 * @param {HTMLElement} answer
 */
async function run(method, { route, content, type }, status, answer) {
  status.textContent = t("Sending…");
  const started = performance.now();
  try {
    const response = await fetch(apiUrl(route), {
      method: method.toUpperCase(),
      headers: { ...keyHeaders(), ...(type ? { "content-type": type } : {}) },
      body: content,
    });
    const text = await response.text();
    const facts = [
      duration(performance.now() - started),
      bytes(new Blob([text]).size),
      response.headers.get("x-request-id") ?? "",
    ].filter(Boolean);
    status.replaceChildren(statusBadge(response.status), " ", facts.join(" · "));
    /** @type {Element} */ (answer.firstElementChild).textContent = pretty(text);
    answer.hidden = false;
  } catch {
    status.textContent = t(UNREACHABLE);
    answer.hidden = true;
  }
}

/** @param {number | string} status */
export const statusBadge = (status) =>
  make(`span.code.${Number(status) < 400 ? "good" : "bad"}`, {}, String(status));

/**
 * Indent JSON, with short lists such as boxes and probabilities on one line.
 *
 * @param {string} text Other texts stay as they are.
 */
function pretty(text) {
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2).replace(
      /\[\s+((?:[-\d.]+,\s+)*[-\d.]+)\s+\]/g,
      (_, list) => `[${list.replace(/\s+/g, " ")}]`,
    );
  } catch {
    // Not JSON.
  }
  return shown.length > MAX_CHARACTERS ? `${shown.slice(0, MAX_CHARACTERS)}…` : shown;
}

/** @param {Body & { route: string }} request */
function curlFor({ route, curl }) {
  const key = keyHeaders()["x-api-key"] ? ['-H "x-api-key: $CARLENS_API_KEY"'] : [];
  return [`curl ${quote(apiUrl(route))}`, ...key, ...curl].join(" \\\n  ");
}

// Parameters --------------------------------------------------------------------------------

/** @typedef {{ name: string, place: string, input: HTMLInputElement | HTMLSelectElement }} Field */

/**
 * @param {string | Node} label
 * @param {HTMLElement} input
 */
const labeled = (label, input) => make("label.field", {}, make("span", {}, label), input);

/**
 * Make the field of a parameter. One in the path is always needed, so it starts with its example.
 *
 * @param {Parameter} parameter
 * @returns {Field & { row: HTMLElement }}
 */
function parameterField({ name, in: place, schema, example, required }) {
  const input = schema.enum
    ? make(
        "select",
        { name },
        ...schema.enum.map((value) =>
          make("option", { value, selected: value === schema.default }, value),
        ),
      )
    : make("input", {
        name,
        type: schema.type === "array" || schema.type === "string" ? "text" : "number",
        min: schema.minimum,
        max: schema.maximum,
        step: schema.type === "number" ? "any" : null,
        placeholder: String(example ?? ""),
        value: place === "path" ? example : null,
        required: Boolean(required),
        autocomplete: "off",
      });
  return { name, place, input, row: labeled(make("code", {}, name), input) };
}

/**
 * @param {string} path
 * @param {Field[]} fields
 */
function routeOf(path, fields) {
  const query = new URLSearchParams();
  let route = path.slice(1);
  for (const { name, place, input } of fields) {
    if (place === "path") route = route.replace(`{${name}}`, () => encodeURIComponent(input.value));
    else if (input.value) query.set(name, input.value);
  }
  return query.size ? `${route}?${query}` : route;
}

// Bodies ------------------------------------------------------------------------------------

/**
 * Make the fields of a body: a choice of media types, and the fields of each.
 *
 * @param {RequestBody} body
 * @returns {BodyForm}
 */
function bodyFields({ content }) {
  /** @type {Record<string, BodyForm>} */
  const forms = {
    ...("text/csv" in content ? rowForms(content) : photoForms()),
    ...jsonForm(content),
  };
  const known = Object.keys(forms).filter((type) => type in content);
  const choice = make("select", {}, ...known.map((type) => make("option", { value: type }, type)));
  const show = () => {
    for (const [type, { rows }] of Object.entries(forms)) {
      for (const row of rows) row.hidden = type !== choice.value;
    }
  };
  choice.addEventListener("change", show);
  show();
  return {
    rows: [
      labeled(translated("span", "Body as"), choice),
      ...Object.values(forms).flatMap(({ rows }) => rows),
    ],
    build: () => forms[choice.value].build(),
  };
}

/** @returns {Record<string, BodyForm>} */
function photoForms() {
  const files = make("input", { type: "file", name: "image", multiple: true, accept: "image/*" });
  const urls = make("textarea", { name: "url", rows: "2", spellcheck: "false", wrap: "off" });
  const single = make("input", { type: "file", name: "body", accept: "image/*" });
  return {
    "multipart/form-data": {
      rows: [
        labeled(translated("span", "Photo files"), files),
        labeled(translated("span", "URLs, one per line"), urls),
      ],
      build: () => multipart(files.files ?? [], urls.value),
    },
    "application/octet-stream": {
      rows: [labeled(translated("span", "Photo file"), single)],
      build: () => {
        const file = single.files?.[0];
        const curl = `--data-binary ${quote(`@${file?.name ?? "street.jpg"}`)}`;
        return raw("application/octet-stream", file ?? "", curl);
      },
    },
  };
}

/**
 * @param {Iterable<File>} files
 * @param {string} text URLs, one per line.
 * @returns {Body}
 */
function multipart(files, text) {
  const urls = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const form = new FormData();
  for (const file of files) form.append("image", file);
  for (const url of urls) form.append("url", url);
  const curl = [...Array.from(files, ({ name }) => curlFile("image", name)), ...urls.map(curlUrl)];
  return { content: form, curl: curl.length ? curl : ["-F url="] };
}

/**
 * @param {RequestBody["content"]} content
 * @returns {Record<string, BodyForm>}
 */
function rowForms(content) {
  const file = make("input", { type: "file", name: "file", accept: ".csv,.tsv,.txt,text/csv" });
  const text = make("textarea", { name: "csv", rows: "5", spellcheck: "false", wrap: "off" });
  text.value = exampleText(content["text/csv"].example);
  return {
    "multipart/form-data": {
      rows: [labeled(translated("span", "CSV file"), file)],
      build: () => {
        const form = new FormData();
        for (const chosen of file.files ?? []) form.append("file", chosen);
        return { content: form, curl: [curlFile("file", file.files?.[0]?.name ?? "cars.csv")] };
      },
    },
    "text/csv": { rows: [labeled("CSV", text)], build: () => raw("text/csv", text.value) },
  };
}

/**
 * @param {RequestBody["content"]} content
 * @returns {Record<string, BodyForm>}
 */
function jsonForm(content) {
  const type = "application/json";
  const json = make("textarea", { name: "json", rows: "7", spellcheck: "false" });
  json.value = exampleText(content[type]?.example ?? "");
  return { [type]: { rows: [labeled("JSON", json)], build: () => raw(type, json.value) } };
}

/** @param {unknown} value */
export const exampleText = (value) =>
  typeof value === "string" ? value : JSON.stringify(value, null, 2);

/**
 * Return a body that consists of the content alone.
 *
 * @param {string} type
 * @param {string | File} content
 * @param {string} [curl] By default the content is on the command line.
 * @returns {Body}
 */
function raw(type, content, curl = `--data-raw ${quote(String(content))}`) {
  return { content, type, curl: [`-H 'Content-Type: ${type}'`, curl] };
}
