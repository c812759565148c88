// The request just made, as code that is ready to paste.

const EXAMPLE = {
  path: `predict?format=detailed&confidence=${FLOOR}`,
  pictures: [{ name: "street.jpg" }, { name: "parking.jpg" }],
  headers: {},
};
let shownRequest = EXAMPLE;
let snippetIn = "curl";

/** Quote for a POSIX shell. */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Quote for JavaScript and for Python, which agree on what JSON writes. */
const literal = (text) => JSON.stringify(text);

const SNIPPETS = {
  curl({ path, pictures, headers }) {
    const lines = [`curl ${quote(address(path))}`];
    if (headers["x-api-key"]) lines.push('-H "x-api-key: $CARLENS_API_KEY"');
    for (const picture of pictures) lines.push(curlPart(picture));
    return lines.join(" \\\n  ");
  },

  python({ path, pictures, headers, parts: sent }) {
    const key = headers["x-api-key"];
    const parts = pictures.map(({ name, address: url }, i) => {
      if (url) return `    ("url", (None, ${literal(url)})),`;
      const side = sideOf(sent?.[i]);
      const file = side ? `scaled(${literal(name)}, ${side})` : `open(${literal(name)}, "rb")`;
      return `    ("image", ${file}),`;
    });
    const scales = sent?.some(sideOf);
    const modules = [...(scales ? ["import io"] : []), ...(key ? ["import os"] : [])];
    return [
      ...(modules.length ? [...modules, ""] : []),
      "import requests",
      ...(scales ? PYTHON_SCALED : []),
      "",
      "pictures = [",
      ...parts,
      "]",
      "response = requests.post(",
      `    ${literal(address(path))},`,
      "    files=pictures,",
      ...(key ? ['    headers={"x-api-key": os.environ["CARLENS_API_KEY"]},'] : []),
      "    timeout=30,",
      ")",
      "response.raise_for_status()",
      "print(response.text)",
    ].join("\n");
  },

  javascript({ path, pictures, headers, parts }) {
    const files = pictures.filter((picture) => !picture.address);
    const appends = pictures.map((picture, i) => {
      if (picture.address) return `form.append("url", ${literal(picture.address)});`;
      const file = `input.files[${files.indexOf(picture)}]`;
      const side = sideOf(parts?.[i]);
      const sent = side ? `await scaled(${file}, ${side}), ${literal(picture.name)}` : file;
      return `form.append("image", ${sent}); // ${oneLine(picture.name)}`;
    });
    const scales = parts?.some(sideOf);
    const all = files.length === pictures.length && !scales;
    return [
      ...(scales ? [JAVASCRIPT_SCALED, ""] : []),
      ...(files.length
        ? [`const input = document.querySelector('input[type="file"]');`]
        : []),
      "const form = new FormData();",
      ...(all ? [`for (const file of input.files) form.append("image", file);`] : appends),
      ...fetching(path, headers, '"YOUR_API_KEY"'),
    ].join("\n");
  },

  node({ path, pictures, headers }) {
    const files = pictures.some((picture) => !picture.address);
    const appends = pictures.map(({ address: url, name }) =>
      url
        ? `form.append("url", ${literal(url)});`
        : `form.append("image", await openAsBlob(${literal(name)}), ${literal(name)});`,
    );
    return [
      ...(files ? ['import { openAsBlob } from "node:fs";', ""] : []),
      "const form = new FormData();",
      ...appends,
      ...fetching(path, headers, "process.env.CARLENS_API_KEY"),
    ].join("\n");
  },
};

const NOTES = {
  curl: [],
  python: ["Needs pip install {packages}."],
  javascript: ["For a page with a file field that takes several files."],
  node: ["Save as carlens.mjs; Node.js 20 or later."],
};

const TOO_LARGE =
  "As they are, these files are more than the {most} of one request, and will be refused (413): scale them down first, as this page did.";
const SCALED = "It scales the large files down, as this page did.";
const SCALED_NOTES = { curl: TOO_LARGE, python: SCALED, javascript: SCALED, node: TOO_LARGE };

/** The longest side a picture was scaled down to, if it was. */
const sideOf = (part) => part?.scaled && Math.max(...part.scaled.to);

const PYTHON_SCALED = [
  "from PIL import Image, ImageOps",
  "",
  "def scaled(name, side):",
  '    picture = ImageOps.exif_transpose(Image.open(name)).convert("RGB")',
  "    picture.thumbnail((side, side))",
  "    jpeg = io.BytesIO()",
  '    picture.save(jpeg, "JPEG", quality=90)',
  "    return name, jpeg.getvalue()",
];

const JAVASCRIPT_SCALED = `async function scaled(file, side) {
  const photo = await createImageBitmap(file);
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = new OffscreenCanvas(photo.width * scale, photo.height * scale);
  canvas.getContext("2d").drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}`;

function curlPart(picture) {
  if (picture.address) return `--form-string ${quote(`url=${picture.address}`)}`;
  return curlFile("image", picture.name);
}

function curlFile(field, name) {
  // curl gives , ; and " in a file's name a meaning unless the name is in double quotes.
  const plain = /^[^",;\\]+$/.test(name);
  const safe = plain ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
  return `-F ${quote(`${field}=@${safe}`)}`;
}

function fetching(path, headers, key) {
  return [
    `const response = await fetch(${literal(address(path))}, {`,
    '  method: "POST",',
    ...(headers["x-api-key"] ? [`  headers: { "x-api-key": ${key} },`] : []),
    "  body: form,",
    "});",
    "if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);",
    "console.log(JSON.stringify(await response.json(), null, 2));",
  ];
}

const oneLine = (text) => text.replace(/[\r\n\u2028\u2029]+/g, " ");

function showSnippets(asked = shownRequest) {
  shownRequest = asked;
  const made = asked !== EXAMPLE;
  $("snippets-title").textContent = t(
    made ? "The same request from your code" : "A request from your code",
  );
  $("snippet").firstElementChild.textContent = SNIPPETS[snippetIn](asked);
  $("snippet").setAttribute("aria-labelledby", `tab-${snippetIn}`);
  const notes = [...NOTES[snippetIn]];
  if (asked.headers["x-api-key"]) {
    notes.push(
      snippetIn === "javascript"
        ? "Put your API key in place of YOUR_API_KEY."
        : "Put your API key into the variable CARLENS_API_KEY first.",
    );
  }
  const scales = asked.parts?.some(sideOf);
  if (scales) notes.push(SCALED_NOTES[snippetIn]);
  const values = { most: bytes(MAX_BYTES), packages: scales ? "requests pillow" : "requests" };
  $("snippet-note").textContent = notes.map((note) => t(note, values)).join(" ");
}
