// The last request as code that is ready to paste.

/** @import { Message, Part, Photo, SentRequest, Tab } from "./types" */
import { apiUrl, detectionPath, limits } from "./client.js";
import { $, makeTabs } from "./dom.js";
import { bytes, onLanguageChange, t } from "./i18n.js";
import { copy } from "./status.js";

/** @type {SentRequest} */
const EXAMPLE = {
  mode: "predict",
  get path() {
    return detectionPath("predict");
  },
  photos: ["street.jpg", "parking.jpg"].map((name, id) => ({
    id,
    name,
    file: new File([], name),
    source: "",
    findings: {},
  })),
  headers: {},
};
let request = EXAMPLE;
/** @type {Tab} */
let selected = "curl";

/**
 * Quote a text for a POSIX shell.
 *
 * @param {string} text
 */
export const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Write a text as a string literal that JavaScript and Python read alike.
 *
 * @param {string} text
 */
export const literal = (text) => JSON.stringify(text);

/** @param {string} text */
export const oneLine = (text) => text.replace(/[\r\n\u2028\u2029]+/g, " ");

/** @type {Record<Tab, (request: SentRequest) => string>} */
const SNIPPETS = { curl, python, javascript, node };

/**
 * Return a request for two photos as code.
 *
 * @param {Tab} tab
 */
export const exampleSnippet = (tab) => SNIPPETS[tab](EXAMPLE);

/** @param {SentRequest} request */
function curl({ path, photos, headers }) {
  const lines = [`curl ${quote(apiUrl(path))}`];
  if (headers["x-api-key"]) lines.push('-H "x-api-key: $CARLENS_API_KEY"');
  for (const { file, name, source } of photos) {
    lines.push(file ? curlFile("image", name) : curlUrl(source));
  }
  return lines.join(" \\\n  ");
}

/** @param {string} url */
export const curlUrl = (url) => `--form-string ${quote(`url=${url}`)}`;

/**
 * @param {string} field
 * @param {string} name
 */
export function curlFile(field, name) {
  // Outside double quotes, curl interprets the characters , ; and " in a file name.
  const plain = /^[^",;\\]+$/.test(name);
  const safe = plain ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
  return `-F ${quote(`${field}=@${safe}`)}`;
}

/**
 * Return the field that code shows to people.
 *
 * @param {SentRequest["mode"]} mode
 */
export const shownField = (mode) => (mode === "predict" ? "display" : "class_name");

/** @param {SentRequest} request */
function python({ mode, path, photos, headers, parts }) {
  const key = headers["x-api-key"];
  const fields = photos.map(({ file, name, source }, i) => {
    if (!file) return `    ("url", (None, ${literal(source)})),`;
    const side = sideOf(parts?.[i]);
    const content = side ? `scaled(${literal(name)}, ${side})` : `open(${literal(name)}, "rb")`;
    return `    ("image", ${content}),`;
  });
  const scales = parts?.some(sideOf);
  const modules = [...(scales ? ["import io"] : []), ...(key ? ["import os"] : [])];
  return [
    ...(modules.length ? [...modules, ""] : []),
    "import requests",
    ...(scales ? PYTHON_SCALED : []),
    "",
    "photos = [",
    ...fields,
    "]",
    "response = requests.post(",
    `    ${literal(apiUrl(path))},`,
    "    files=photos,",
    ...(key ? ['    headers={"x-api-key": os.environ["CARLENS_API_KEY"]},'] : []),
    "    timeout=30,",
    ")",
    "response.raise_for_status()",
    'for photo in response.json()["images"]:',
    '    if photo["error"]:',
    '        print(photo["name"], photo["error"]["message"])',
    '    for found in photo["objects"]:',
    `        print(photo["name"], found["${shownField(mode)}"])`,
  ].join("\n");
}

const PYTHON_SCALED = [
  "from PIL import Image, ImageOps",
  "",
  "def scaled(name, side):",
  '    photo = ImageOps.exif_transpose(Image.open(name)).convert("RGB")',
  "    photo.thumbnail((side, side))",
  "    jpeg = io.BytesIO()",
  '    photo.save(jpeg, "JPEG", quality=90)',
  "    return name, jpeg.getvalue()",
];

/** @param {SentRequest} request */
function javascript({ mode, path, photos, headers, parts }) {
  const files = photos.filter((photo) => photo.file);
  const scales = parts?.some(sideOf);
  const filesOnly = files.length === photos.length && !scales;
  return [
    ...(scales ? [JAVASCRIPT_SCALED, ""] : []),
    ...(files.length ? [`const input = document.querySelector('input[type="file"]');`] : []),
    "const form = new FormData();",
    ...(filesOnly
      ? [`for (const file of input.files) form.append("image", file);`]
      : photos.map((photo, i) => appendInPage(photo, files.indexOf(photo), parts?.[i]))),
    ...fetchLines(mode, path, headers, '"YOUR_API_KEY"'),
  ].join("\n");
}

/**
 * @param {Photo} photo
 * @param {number} index Of its file in the input.
 * @param {Part | undefined} part
 */
function appendInPage({ file, name, source }, index, part) {
  if (!file) return `form.append("url", ${literal(source)});`;
  const chosen = `input.files[${index}]`;
  const side = sideOf(part);
  const sent = side ? `await scaled(${chosen}, ${side}), ${literal(name)}` : chosen;
  return `form.append("image", ${sent}); // ${oneLine(name)}`;
}

const JAVASCRIPT_SCALED = `async function scaled(file, side) {
  const photo = await createImageBitmap(file);
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = new OffscreenCanvas(photo.width * scale, photo.height * scale);
  canvas.getContext("2d").drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}`;

/** @param {SentRequest} request */
function node({ mode, path, photos, headers }) {
  return [
    ...(photos.some(({ file }) => file) ? ['import { openAsBlob } from "node:fs";', ""] : []),
    "const form = new FormData();",
    ...photos.map(({ file, name, source }) =>
      file
        ? `form.append("image", await openAsBlob(${literal(name)}), ${literal(name)});`
        : `form.append("url", ${literal(source)});`,
    ),
    ...fetchLines(mode, path, headers, "process.env.CARLENS_API_KEY"),
  ].join("\n");
}

/**
 * @param {SentRequest["mode"]} mode
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {string} key The expression that gives the API key.
 */
function fetchLines(mode, path, headers, key) {
  return [
    `const response = await fetch(${literal(apiUrl(path))}, {`,
    '  method: "POST",',
    ...(headers["x-api-key"] ? [`  headers: { "x-api-key": ${key} },`] : []),
    "  body: form,",
    "});",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the template belongs to the snippet
    "if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);",
    "const { images } = await response.json();",
    "for (const { name, error, objects } of images) {",
    "  if (error) console.log(name, error.message);",
    `  for (const found of objects) console.log(name, found.${shownField(mode)});`,
    "}",
  ];
}

/**
 * Return the longest side of a scaled-down photo, or 0 for other photos.
 *
 * @param {Part | undefined} part
 */
const sideOf = (part) => (part?.scaled ? Math.max(...part.scaled.to) : 0);

/** @type {Record<Tab, Message[]>} */
const NOTES = {
  curl: [],
  python: ["Requires pip install {packages}."],
  javascript: [],
  node: [],
};
/** @type {Partial<Record<Tab, Message>>} */
const PLACES = {
  javascript: "For a page with a file input that accepts multiple files.",
  node: "Save as carlens.mjs and run with Node.js 20 or later.",
};

/** @type {Message} */
const TOO_LARGE =
  "These files exceed the request limit of {max} and would be refused (413). Scale them down first, as this page did.";
/** @type {Message} */
const SCALED = "The code scales large files down, as this page did.";
const SCALED_NOTES = { curl: TOO_LARGE, python: SCALED, javascript: SCALED, node: TOO_LARGE };

/**
 * Show a request as code.
 *
 * @param {SentRequest} sent
 */
export function showSnippets(sent) {
  request = sent;
  $("snippets-title").textContent = t(
    sent === EXAMPLE ? "A request from your code" : "The same request from your code",
  );
  const { [selected]: write } = sent.uploading?.SNIPPETS ?? SNIPPETS;
  /** @type {Element} */ ($("snippet").firstElementChild).textContent = write(sent);
  $("snippet").setAttribute("aria-labelledby", `tab-${selected}`);
  const packages = sent.parts?.some(sideOf) ? "requests pillow" : "requests";
  const client = selected === "python" ? "clients/python" : "clients/javascript/carlens.js";
  const values = { max: bytes(limits.request_bytes), packages, client };
  $("snippet-note").textContent = notesFor(sent)
    .map((note) => t(note, values))
    .join(" ");
}

/** @param {SentRequest} sent */
function notesFor({ mode, headers, parts, uploading }) {
  const notes = [...(uploading?.NOTES ?? NOTES)[selected], ...[PLACES[selected] ?? []].flat()];
  if (mode === "predict")
    notes.push("Show people the field display: the name if it is certain, otherwise the kind.");
  if (headers["x-api-key"]) {
    notes.push(
      selected === "javascript"
        ? "Replace YOUR_API_KEY with your API key."
        : "Set the environment variable CARLENS_API_KEY to your API key first.",
    );
  }
  if (!uploading && parts?.some(sideOf)) notes.push(SCALED_NOTES[selected]);
  return notes;
}

/** Show the current request again, after what it depends on has changed. */
export const refreshSnippets = () => showSnippets(request);

/** @type {NodeListOf<HTMLElement>} */
const buttons = document.querySelectorAll('[role="tab"]');
makeTabs([...buttons], ({ id }) => {
  selected = /** @type {Tab} */ (id.replace("tab-", ""));
  showSnippets(request);
});
$("copy-snippet").addEventListener("click", () =>
  copy($("snippet").textContent ?? "", $("copy-snippet")),
);
onLanguageChange(refreshSnippets);
