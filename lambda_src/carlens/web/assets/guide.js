// The integration guide: what a developer needs to know before the first request.

/** @import { Message, Tab } from "./types" */
import { apiUrl, limits, takesUploads } from "./client.js";
import { make, makeSvg, makeTabs } from "./dom.js";
import { bytes, count, t, translated, withName } from "./i18n.js";
import { exampleSnippet } from "./snippets.js";
import { copy } from "./status.js";

export const GUIDE = "integrate";

/** Draw the guide; the limits must be known by then. */
export function drawGuide() {
  return make(
    "section.panel.integration",
    { "aria-labelledby": GUIDE },
    translated("h2", "Integrate Carlens", {}, { id: GUIDE, tabindex: "-1" }),
    translated(
      "p",
      "POST photos to one address and read JSON. This is what a client needs to know.",
    ),
    drawExamples(),
    make(
      "dl.facts-of-api",
      {},
      ...topic("Base URL", make("code", {}, apiUrl(""))),
      ...topic(
        "API key",
        translated(
          "p",
          "If this API requires one, send it in the header {header}. Keep it on your server: visitors can read what a web page sends.",
          { header: "x-api-key" },
        ),
      ),
      ...topic(
        "Calls from web pages",
        translated(
          "p",
          "A page of another site can call this API if its owner allows the origin. It can read the headers {headers}.",
          { headers: "Retry-After, X-Request-Id" },
        ),
      ),
      ...topic("Limits", ...drawLimits()),
      ...topic(
        "Retries",
        translated(
          "p",
          "After 429, 503 or 504, wait for the seconds in {header}, or for 1, 2, 4 … seconds, and send the request again. After 504, send fewer photos. Other errors do not go away.",
          { header: "Retry-After" },
        ),
        translated(
          "p",
          "A photo that fails has its own error, and the status stays 200: the other photos have their results.",
        ),
      ),
      ...topic(
        "Coordinates",
        drawCoordinates(),
        translated(
          "p",
          "Bounding boxes are in pixels, from the top left corner of the upright photo. If you draw them yourself, rotate the photo by its EXIF orientation first.",
        ),
      ),
      ...topic(
        "Formats",
        translated("p", "Photos: {formats}.", {
          formats: "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF",
        }),
        translated(
          "p",
          "Answers: {detailed} for new clients. The default, {list}, is the short form of the original project.",
          { detailed: "format=detailed", list: "format=list" },
        ),
      ),
      ...topic(
        "Names",
        translated(
          "p",
          "Show people the field display: the name if it is certain, otherwise the kind.",
        ),
      ),
      ...topic(
        "Versions",
        translated(
          "p",
          "Answers may gain fields, and routes may gain parameters, in every version: ignore fields that you do not know. The meaning of an error code never changes.",
        ),
        translated(
          "p",
          "Before 1.0, a minor version may change or remove something; the changelog lists it under “Breaking”. From 1.0 on, only a major version does.",
        ),
      ),
    ),
  );
}

/**
 * @param {Message} title
 * @param {...Node} content
 */
const topic = (title, ...content) => [translated("dt", title), make("dd", {}, ...content)];

function drawLimits() {
  const photos = translated(
    "p",
    "{pictures} photos in a request, {size} together, {megapixels} megapixels each.",
    () => ({
      pictures: count(limits.pictures),
      size: bytes(limits.request_bytes),
      megapixels: count(Math.floor(limits.picture_pixels / 1e6)),
    }),
  );
  if (!takesUploads) return [photos];
  const uploads = translated(
    "p",
    "Photos of up to {size} each can be uploaded first: see {route}.",
    () => ({ size: bytes(limits.picture_bytes), route: "POST /uploads" }),
  );
  return [photos, uploads];
}

/** Draw a photo with its axes and a bounding box in it. */
function drawCoordinates() {
  /** @param {string} d @param {string} kind */
  const path = (d, kind) => makeSvg(`path.${kind}`, { d });
  /** @param {number} x @param {number} y @param {string} text @param {string} [anchor] */
  const label = (x, y, text, anchor = "start") =>
    makeSvg("text", { x, y, "text-anchor": anchor }, text);
  const drawing = makeSvg(
    "svg.coordinates",
    { viewBox: "0 0 320 200", role: "img" },
    path("M24 24h280v164h-280z", "photo"),
    path("M24 24h290m-7-5l7 5l-7 5M24 24v170m-5-7l5 7l5-7", "axis"),
    path("M96 142v-22q0-6 8-8l16-4l20-24q5-6 13-6h42q8 0 13 5l22 25l18 4q9 2 9 10v20z", "car"),
    makeSvg("circle.wheel", { cx: 130, cy: 142, r: 13 }),
    makeSvg("circle.wheel", { cx: 222, cy: 142, r: 13 }),
    path("M92 74h169v84h-169z", "box"),
    label(28, 18, "0, 0"),
    label(312, 18, "x", "end"),
    label(10, 192, "y"),
    label(92, 68, "x1, y1"),
    label(261, 172, "x2, y2", "end"),
  );
  return withName(/** @type {any} */ (drawing), () =>
    t("The point x1, y1 is the top left corner of a box, and x2, y2 its bottom right corner."),
  );
}

/** @type {Record<Exclude<Tab, "node">, string>} */
const LANGUAGES = { curl: "curl", python: "Python", javascript: "JavaScript" };

/** Draw the same request as code in each language, with a button that copies it. */
function drawExamples() {
  const code = make("code");
  const panel = make("pre", { id: "guide-code", role: "tabpanel", tabindex: "0" }, code);
  const tabs = Object.entries(LANGUAGES).map(([language, name]) =>
    make(
      "button",
      { type: "button", role: "tab", id: `guide-${language}`, "aria-controls": panel.id },
      name,
    ),
  );
  makeTabs(tabs, ({ id }) => {
    code.textContent = exampleSnippet(/** @type {Tab} */ (id.replace("guide-", "")));
    panel.setAttribute("aria-labelledby", id);
  });
  const button = translated("button", "Copy", {}, { type: "button" });
  button.className = "button small";
  button.addEventListener("click", () => copy(code.textContent ?? "", button));
  const list = withName(make("div.tabs", { role: "tablist" }, ...tabs), () =>
    t("Programming language"),
  );
  return make("div.examples-of-api", {}, make("div.snippets-head", {}, list, button), panel);
}
