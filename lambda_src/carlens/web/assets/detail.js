// One photo in detail: the photo with its boxes, and the list of what was found.

import { saveAnnotated } from "./annotate.js";
/** @import { Card, DetectionMode, ErrorInfo, Finding, Message, OnCorrect, Photo, Scaled } from "./types" */
import { make, style } from "./dom.js";
import { bytes, errorMessage, isMessage, t } from "./i18n.js";
import { drawCrop, Overlay } from "./overlay.js";
import { correct, shortName } from "./session.js";
import { imageOf } from "./tray.js";

/** @type {Record<DetectionMode, Message>} */
const NOTHING = {
  predict: "The detector found no vehicle in this photo.",
  object_detection: "The detector found nothing it knows in this photo.",
};

/**
 * Make the card of one photo.
 *
 * @param {Photo} photo
 * @param {Finding} finding
 * @param {DetectionMode} mode
 * @returns {Card}
 */
export function makeCard(photo, finding, mode) {
  const { result, scaled } = finding;
  const stage = make("div.stage");
  const size =
    result.width && result.height
      ? t("{width} × {height} pixels", { width: result.width, height: result.height })
      : "";
  const about = make(
    "div.about",
    {},
    make("div", {}, make("h3", {}, photo.name), make("p.meta", {}, size)),
  );
  if (scaled) about.append(scaledNote(photo, finding.sentBytes, scaled));
  const element = make("article.panel.card", {}, make("div.view", {}, stage), about);
  const image = imageOf(photo, shortName(photo), () => {
    const reason = photo.file
      ? "This browser cannot display this file."
      : "The photo at this URL cannot be displayed here.";
    image.replaceWith(make("p.no-preview", {}, t(reason)));
  });
  stage.append(image);
  const card = { element, photo, image, result, mode };
  if (result.error || !result.width || !result.height) {
    stage.classList.add("plain");
    about.append(failure(result.error));
    const nothing = () => {};
    return { ...card, failed: true, items: [], filter: () => 0, revise: nothing, close: nothing };
  }
  const { width, height } = result;
  /** @type {OnCorrect} */
  const oncorrect = (object, correction) => correct(photo, object, correction);
  const corrector = finding.named && mode === "predict" ? oncorrect : null;
  const overlay = new Overlay(stage, width, height, shortName(photo), finding.named, corrector);
  return fillCard(card, width, height, overlay, about);
}

/**
 * @param {Pick<Card, "element" | "photo" | "image" | "result" | "mode">} base
 * @param {number} width
 * @param {number} height
 * @param {Overlay} overlay
 * @param {HTMLElement} about
 * @returns {Card}
 */
function fillCard(base, width, height, overlay, about) {
  style(overlay.stage, { "--ratio": width / height });
  const none = make("p.none");
  const list = make("ol.found", { "aria-label": t("Found in this photo"), role: "list" });
  const items = base.result.objects.map((object, i) => overlay.add(object, i + 1));
  list.append(...items.map((item) => make("li", {}, item.row)));
  overlay.settle();
  base.image.addEventListener("load", () => {
    for (const item of items) drawCrop(base.image, item, width, height);
  });
  /** @type {Card} */
  const card = {
    ...base,
    failed: false,
    items,
    filter: (passes) => {
      for (const item of items) item.show(passes(item.object));
      const passing = items.filter((item) => item.shown).length;
      list.hidden = !passing;
      none.hidden = passing > 0;
      none.textContent = items.length
        ? t("Nothing in this photo passes the filters; {n} hidden.", { n: items.length })
        : t(NOTHING[base.mode]);
      overlay.arrange();
      return passing;
    },
    revise: (result) => {
      card.result = result;
      for (const [i, object] of result.objects.entries()) {
        if (object !== items[i].object) items[i] = overlay.replace(items[i], object);
      }
    },
    close: () => overlay.close(),
  };
  about.append(none, list, saveButton(card));
  return card;
}

/** @param {Card} card */
function saveButton(card) {
  const status = make("p.hint", { role: "status" });
  const onclick = async () => {
    status.textContent = await saveAnnotated(card);
  };
  const save = make(
    "button.button.small.png",
    { type: "button", onclick },
    t("Download annotated PNG"),
  );
  return make("div", {}, make("div.exports", {}, save), status);
}

/** @type {Record<string, Message>} */
const FAILURE_TITLES = {
  not_an_image: "Carlens cannot read this file as a photo",
  unsupported_image: "This image format is not supported",
  picture_too_large: "This photo is too large",
  invalid_base64: "This photo arrived damaged",
  url_refused: "This URL is not allowed",
  url_failed: "This URL could not be fetched",
  key_refused: "This upload is not accepted",
  key_not_found: "This upload was not found",
  deadline_exceeded: "Time ran out before this photo",
  answer_too_large: "The redacted photo is too large for an answer",
};

/** @param {ErrorInfo | null} error */
export function failure(error) {
  const { code = "", message = "", values } = error ?? {};
  const own = isMessage(message);
  const translation = own ? undefined : errorMessage(code);
  return make(
    "div.failed",
    {},
    make("strong", {}, t(FAILURE_TITLES[code] ?? "This photo failed")),
    translation ? make("p", {}, translation) : null,
    make("p", { lang: own ? null : "en" }, t(/** @type {Message} */ (message), values)),
  );
}

/**
 * Put a button that opens the viewer before the other buttons of a card.
 *
 * @param {HTMLElement} element
 * @param {() => void} onclick
 */
export function offerToEnlarge(element, onclick) {
  const enlarge = make("button.button.small", { type: "button", onclick }, t("Enlarge"));
  element.querySelector(".exports")?.prepend(enlarge);
}

/** @type {Message} */
const SCALED_DOWN =
  "Scaled down from {from} to {to} pixels before sending ({before} to {after}) to fit into one request. The boxes are mapped back to the original.";

/**
 * Say how a photo was changed before it was sent.
 *
 * @param {Photo} photo
 * @param {number} sentBytes
 * @param {Scaled} scaled
 * @param {Message} [scaledDown] What to say if its size was changed.
 */
export function scaledNote(photo, sentBytes, scaled, scaledDown = SCALED_DOWN) {
  /** @param {[number, number]} size */
  const pixels = ([width, height]) => `${width} × ${height}`;
  const sizes = {
    before: bytes(photo.file?.size ?? 0),
    after: bytes(sentBytes),
    from: pixels(scaled.from),
    to: pixels(scaled.to),
  };
  const note =
    sizes.from === sizes.to
      ? t("Compressed before sending ({before} to {after}) to fit into one request.", sizes)
      : t(scaledDown, sizes);
  return make("p.note", {}, note);
}
