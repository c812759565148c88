// The tray: the photos that wait to be sent, in order.

/** @import { Message, Mode, Photo } from "./types" */
import { limits, takesUploads } from "./client.js";
import { $, make } from "./dom.js";
import { bytes, count, onLanguageChange, plural, t } from "./i18n.js";
import * as session from "./session.js";
import { announce } from "./status.js";

const SHOWN = 24; // each preview decodes a whole photo

let busy = false;
/** @type {Map<Photo, HTMLElement>} Of the photos that are shown. */
let items = new Map();

/**
 * Switch off sending while photos are being sent.
 *
 * @param {boolean} value
 */
export function setBusy(value) {
  busy = value;
  showTray();
}

/** @param {Iterable<File>} files */
export function addFiles(files) {
  const added = session.addFiles(files);
  if (added) announce(() => plural(added, "{n} photo added.", "{n} photos added."));
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
  const added = session.addUrls(lines.filter(isUrl));
  if (added) announce(() => plural(added, "{n} URL added.", "{n} URLs added."));
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

/** @param {Photo} photo */
function trayItem(photo) {
  const preview = make("span.thumb");
  const noPreview = () => preview.replaceChildren(t(photo.file ? "No preview" : "Not shown"));
  preview.append(imageOf(photo, "", noPreview));
  const name = session.shortName(photo);
  return make(
    "li",
    { title: photo.name },
    preview,
    make("p.tray-name", {}, name),
    make("p.tray-size", {}, photo.file ? bytes(photo.file.size) : "URL"),
    make("button.remove", {
      type: "button",
      "aria-label": t("Remove {name}", { name }),
      onclick: () => removePhoto(photo),
    }),
  );
}

/** @param {Photo} photo */
function removePhoto(photo) {
  const index = session.waiting().indexOf(photo);
  session.removePhotos([photo]);
  announce(() => t("Removed {name}.", { name: session.shortName(photo) }));
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = $("tray").querySelectorAll(".remove");
  (buttons[Math.min(index, buttons.length - 1)] ?? $("files")).focus();
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
  anonymize: ["Redact the photos", "Redact {n} photo", "Redact {n} photos"],
};

export function showTray() {
  const tray = session.waiting();
  const empty = tray.length === 0;
  items = new Map(
    tray.slice(0, SHOWN).map((photo) => [photo, items.get(photo) ?? trayItem(photo)]),
  );
  const more = tray.length - items.size;
  const rest = more
    ? [make("li.more", {}, plural(more, "and {n} more", "and {n} more", { n: count(more) }))]
    : [];
  $("tray").replaceChildren(...items.values(), ...rest);
  $("tray").hidden = empty;
  $("examples").hidden = session.photos.length > 0;
  $("clear").hidden = empty || busy;
  const nothing = empty && !$("urls").value.trim();
  $("send").setAttribute("aria-disabled", String(nothing || busy));
  const [none, one, many] = SEND_LABELS[session.mode()];
  $("send").textContent = empty ? t(none) : plural(tray.length, one, many);
  showSize(tray);
}

/**
 * Say what happens to files that are larger than a request.
 *
 * @param {Photo[]} tray
 */
function showSize(tray) {
  const large = tray.filter(({ file }) => file && file.size > limits.request_bytes).length;
  $("size").hidden = large === 0;
  $("size").textContent = takesUploads
    ? plural(
        large,
        "{n} large photo will be uploaded first.",
        "{n} large photos will be uploaded first.",
      )
    : plural(
        large,
        "{n} photo is larger than a request ({max}) and will be scaled down.",
        "{n} photos are larger than a request ({max}) and will be scaled down.",
        { max: bytes(limits.request_bytes) },
      );
}

session.onSessionChange(showTray);
onLanguageChange(() => {
  items = new Map();
  showTray();
});
