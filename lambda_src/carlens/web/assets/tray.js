// The tray: the photos to send, in order.

/** @import { Message, Mode, Photo } from "./types" */
import { limits, takesUploads } from "./client.js";
import { $, make, sum } from "./dom.js";
import { bytes, onLanguageChange, plural, t } from "./i18n.js";
import { announce } from "./status.js";

/** @type {Photo[]} */
export let tray = [];
let nextId = 1;
let busy = false;

export const mode = () => {
  const checked = document.querySelector('input[name="mode"]:checked');
  return /** @type {Mode} */ (/** @type {HTMLInputElement} */ (checked).value);
};

/**
 * Switch off sending while a request is under way.
 *
 * @param {boolean} value
 */
export function setBusy(value) {
  busy = value;
  showTray();
}

/** @param {Iterable<File>} files */
export function addFiles(files) {
  const added = Array.from(files, (file) => ({
    id: nextId++,
    name: file.name || "photo",
    file,
    source: URL.createObjectURL(file),
  }));
  if (!added.length) return;
  changeTray([...tray, ...added]);
  announce(() => plural(added.length, "{n} photo added.", "{n} photos added."));
}

/**
 * Add the URLs in a text, one per line.
 *
 * @param {string} text
 * @returns {string[]} The lines that are not URLs.
 */
export function addUrls(text) {
  const lines = text
    .split(/\s*\n\s*/)
    .map((line) => line.trim())
    .filter(Boolean);
  const added = lines.filter(isUrl).map((url) => ({ id: nextId++, name: url, source: url }));
  if (added.length) {
    changeTray([...tray, ...added]);
    announce(() => plural(added.length, "{n} URL added.", "{n} URLs added."));
  }
  return lines.filter((line) => !isUrl(line));
}

/** @param {string} line */
function isUrl(line) {
  try {
    return /^https?:$/.test(new URL(line).protocol);
  } catch {
    return false;
  }
}

/**
 * Move the URLs from the text field into the tray. Other lines stay there, with a message.
 *
 * @returns {boolean} Whether the field is now empty.
 */
export function takeUrls() {
  const field = $("urls");
  const rest = addUrls(field.value);
  field.value = rest.join("\n");
  field.setAttribute("aria-invalid", String(rest.length > 0));
  $("urls-problem").textContent = rest.length ? notUrls(rest.length) : "";
  if (rest.length) field.focus();
  return rest.length === 0;
}

/** @param {number} n */
export const notUrls = (n) =>
  plural(
    n,
    "This line is not a URL. A URL starts with https:// or http://.",
    "These lines are not URLs. A URL starts with https:// or http://.",
  );

/** @param {Photo[]} photos */
export function changeTray(photos) {
  tray = photos;
  const items = /** @type {HTMLElement[]} */ ([...$("tray").children]);
  const known = new Map(items.map((item) => [Number(item.dataset.id), item]));
  $("tray").replaceChildren(...tray.map((photo) => known.get(photo.id) ?? trayItem(photo)));
  showTray();
  releasePhotos();
}

/** @param {Photo} photo */
function trayItem(photo) {
  const preview = make("span.thumb");
  const noPreview = () => preview.replaceChildren(t(photo.file ? "No preview" : "Not shown"));
  preview.append(imageOf(photo, "", noPreview));
  return make(
    "li",
    { "data-id": photo.id, title: photo.name },
    preview,
    make("p.tray-name", {}, shortName(photo)),
    make("p.tray-size", {}, photo.file ? bytes(photo.file.size) : "URL"),
    make("button.remove", {
      type: "button",
      "aria-label": t("Remove {name}", { name: shortName(photo) }),
      onclick: () => removePhoto(photo),
    }),
  );
}

/** @param {Photo} photo */
function removePhoto(photo) {
  const index = tray.indexOf(photo);
  changeTray(tray.filter((other) => other !== photo));
  announce(() => t("Removed {name}.", { name: shortName(photo) }));
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = $("tray").querySelectorAll(".remove");
  (buttons[Math.min(index, buttons.length - 1)] ?? $("files")).focus();
}

/**
 * Return the file's name, or the last part of the URL.
 *
 * @param {Photo} photo
 */
export function shortName(photo) {
  if (photo.file) return photo.name;
  const url = new URL(photo.source);
  return decode(url.pathname.split("/").filter(Boolean).pop() ?? url.hostname);
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {Photo} photo
 * @param {string} alt
 * @param {() => void} onerror
 */
export function imageOf(photo, alt, onerror) {
  return make("img", {
    src: photo.source,
    alt,
    draggable: "false",
    decoding: "async",
    referrerpolicy: "no-referrer",
    onerror,
  });
}

/** @type {Record<Mode, [Message, Message, Message]>} */
const SEND_LABELS = {
  predict: [
    "Find the vehicles",
    "Find the vehicles in {n} photo",
    "Find the vehicles in {n} photos",
  ],
  object_detection: [
    "Find the objects",
    "Find the objects in {n} photo",
    "Find the objects in {n} photos",
  ],
};

/** @type {Message} */
const WILL_SCALE =
  "{size} in total. Large photos will be scaled down to fit into one request ({max}).";
/** @type {Message} */
const WILL_UPLOAD = "{size} in total. The photos will be uploaded first.";

export function showTray() {
  const size = sum(tray.map((photo) => photo.file?.size ?? 0));
  const empty = tray.length === 0;
  const tooManyPhotos = tray.length > limits.pictures;
  $("tray").hidden = empty;
  $("examples").hidden = !empty;
  $("clear").hidden = empty || busy;
  const nothing = empty && !$("urls").value.trim();
  $("send").setAttribute("aria-disabled", String(nothing || tooManyPhotos || busy));
  const [none, one, many] = SEND_LABELS[mode()];
  $("send").textContent = empty ? t(none) : plural(tray.length, one, many);
  $("size").hidden = !tooManyPhotos && size <= limits.request_bytes;
  $("size").textContent = tooManyPhotos
    ? tooMany()
    : t(takesUploads ? WILL_UPLOAD : WILL_SCALE, {
        size: bytes(size),
        max: bytes(limits.request_bytes),
      });
}

export const tooMany = () =>
  t("A request takes at most {max} photos. Remove {n}.", {
    max: limits.pictures,
    n: tray.length - limits.pictures,
  });

/**
 * Functions that return photos in use that are not in the tray.
 *
 * @type {(() => Photo[])[]}
 */
export const photoUsers = [];

/** @type {Set<string>} */
const objectUrls = new Set();

/** Free the memory of files that are no longer in use. */
export function releasePhotos() {
  for (const photo of tray) if (photo.file) objectUrls.add(photo.source);
  const used = new Set([...tray, ...photoUsers.flatMap((give) => give())].map((p) => p.source));
  for (const url of objectUrls) {
    if (used.has(url)) continue;
    URL.revokeObjectURL(url);
    objectUrls.delete(url);
  }
}

onLanguageChange(() => {
  $("tray").replaceChildren();
  changeTray(tray);
});
