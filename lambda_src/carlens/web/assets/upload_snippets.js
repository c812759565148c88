// Code for photos that exceed one request; loaded with the first upload. curl uploads them, and the
// clients do so by themselves.

/** @import { Message, SentRequest, Tab } from "./types" */
import { apiUrl } from "./client.js";
import { curlFile, literal, oneLine, quote, shownField } from "./snippets.js";

/** @type {Record<Tab, (request: SentRequest) => string>} */
export const SNIPPETS = { curl, python, javascript, node };

/** @type {Message} */
const CLIENT = "Requires {client} from the repository, which uploads what exceeds a request.";

/** @type {Record<Tab, Message[]>} */
export const NOTES = {
  curl: ["Requires jq."],
  python: [CLIENT],
  javascript: [CLIENT],
  node: [CLIENT],
};

/** @param {SentRequest} request */
function curl({ path, photos, headers }) {
  const key = headers["x-api-key"] ? ' -H "x-api-key: $CARLENS_API_KEY"' : "";
  const json = `-H 'Content-Type: application/json'${key}`;
  return [
    "upload() {",
    `  form=$(curl -sS ${quote(apiUrl("uploads"))} ${json} -d '{"count": 1}')`,
    `  echo "$form" | jq -r '.uploads[0].fields | to_entries[] | "form-string = \\"\\(.key)=\\(.value)\\""' |`,
    '    curl -sS --config - --form-string "Content-Type=$3" -F "$2" \\',
    `      "$(echo "$form" | jq -r '.uploads[0].url')"`,
    `  echo "$form" | jq --arg name "$1" '{key: .uploads[0].key, $name}'`,
    "}",
    "{",
    ...photos.map(({ file, name, source }) =>
      file
        ? `  upload ${quote(name)} ${curlFile("file", name).slice("-F ".length)} ${typeOf(file)}`
        : `  jq -n --arg url ${quote(source)} '{$url}'`,
    ),
    `} | jq -s '{images: .}' |`,
    `  curl ${quote(apiUrl(path))} ${json} -d @-`,
  ].join("\n");
}

/** @param {File} file */
const typeOf = ({ type }) => (/^image\/[\w.+-]+$/.test(type) ? type : "image/jpeg");

/** @param {SentRequest} request */
function python({ mode, path, photos, headers }) {
  const key = headers["x-api-key"] ? ', api_key=os.environ["CARLENS_API_KEY"]' : "";
  const options = optionsOf(path).map(([name, value]) => `${name}=${value}`);
  return [
    ...(key ? ["import os", ""] : []),
    "from carlens_client import Client",
    "",
    "photos = [",
    ...photos.map(({ file, name, source }) => `    ${literal(file ? name : source)},`),
    "]",
    `with Client(${literal(apiUrl(""))}${key}) as client:`,
    `    for photo in client.${mode}(${["photos", ...options].join(", ")}):`,
    "        if photo.error:",
    "            print(photo.name, photo.error.message)",
    "        for found in photo.objects:",
    `            print(photo.name, found.${shownField(mode)})`,
  ].join("\n");
}

/** @param {SentRequest} request */
function javascript(request) {
  const files = request.photos.filter(({ file }) => file);
  const photos = request.photos.map((photo) =>
    photo.file
      ? `  input.files[${files.indexOf(photo)}], // ${oneLine(photo.name)}`
      : `  ${literal(photo.source)},`,
  );
  return [
    'import { Carlens } from "./carlens.js";',
    "",
    `const input = document.querySelector('input[type="file"]');`,
    "const photos = [",
    ...photos,
    "];",
    ...callLines(request, '"YOUR_API_KEY"'),
  ].join("\n");
}

/** @param {SentRequest} request */
function node(request) {
  return [
    'import { openAsBlob } from "node:fs";',
    'import { Carlens } from "./carlens.js";',
    "",
    "const open = async (name) => new File([await openAsBlob(name)], name);",
    "const photos = [",
    ...request.photos.map(({ file, name, source }) =>
      file ? `  await open(${literal(name)}),` : `  ${literal(source)},`,
    ),
    "];",
    ...callLines(request, "process.env.CARLENS_API_KEY"),
  ].join("\n");
}

/**
 * @param {SentRequest} request
 * @param {string} key The expression that gives the API key.
 */
function callLines({ mode, path, headers }, key) {
  const settings = headers["x-api-key"] ? `, { apiKey: ${key} }` : "";
  const options = optionsOf(path).map(([name, value]) => `${name}: ${value}`);
  const method = mode === "predict" ? "predict" : "objectDetection";
  return [
    `const client = new Carlens(${literal(apiUrl(""))}${settings});`,
    `const answers = await client.${method}(photos, { ${options.join(", ")} });`,
    "for (const { name, error, objects } of answers) {",
    "  if (error) console.log(name, error.message);",
    `  for (const found of objects) console.log(name, found.${shownField(mode)});`,
    "}",
  ];
}

/**
 * Return the parameters of a request as JavaScript and Python write them alike; the clients ask for
 * the detailed form by themselves.
 *
 * @param {string} path
 */
function optionsOf(path) {
  const query = [...new URL(apiUrl(path)).searchParams];
  return query
    .filter(([name]) => name !== "format")
    .map(([name, value]) => [name, name === "classes" ? listOf(value) : value]);
}

/** @param {string} classes */
const listOf = (classes) => `[${classes.split(",").map(literal).join(", ")}]`;
