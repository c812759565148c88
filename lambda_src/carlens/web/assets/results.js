// The results: a card for each photo, and the controls that filter them.

/** @import { Card, Detection, ErrorInfo, Message, Mode, Outcome, Part, Result } from "./types" */
import { $, download, make, style, sum } from "./dom.js";
import { saveAnnotated, toCsv } from "./export.js";
import { ERROR_MESSAGES } from "./french.js";
import {
  bytes,
  className,
  duration,
  language,
  onLanguageChange,
  percent,
  plural,
  t,
} from "./i18n.js";
import { drawCrop, Overlay } from "./overlay.js";
import { announce, copy, showModels } from "./status.js";
import { imageOf, photoUsers, releasePhotos, shortName } from "./tray.js";

/** @type {Card[]} */
let cards = [];
/** @type {Outcome | null} */
let shown = null;
/** @type {Set<string>} */
const hiddenClasses = new Set();
photoUsers.push(() => cards.map((card) => card.photo));

/**
 * Show the answer to a request.
 *
 * @param {Outcome} outcome
 */
export function showAnswer(outcome) {
  hiddenClasses.clear();
  draw(outcome);
  releasePhotos();
}

/** @param {Outcome} outcome */
function draw(outcome) {
  const { mode, parts, results, answer } = outcome;
  shown = outcome;
  for (const card of cards) card.close();
  const named = mode === "predict" && Boolean(answer.models?.classifier);
  cards = parts.map((part, i) => makeCard(part, results[i], mode, named));
  $("cards").replaceChildren(...cards.map((card) => card.element));
  $("filter").hidden = !cards.some((card) => card.items.length);
  $("legend").hidden = !named || $("filter").hidden;
  $("results").hidden = false;
  $("facts").replaceChildren(...facts(outcome).map((fact) => make("span", {}, fact)));
  showClasses();
  showModels(answer.models);
  filter();
}

/** @param {Outcome} outcome */
function facts({ answer, elapsed }) {
  const { total, ...steps } = answer.timing_ms ?? {};
  const measured = Object.entries(steps).filter(([, ms]) => typeof ms === "number");
  return [
    t("Round trip {time}", { time: duration(elapsed) }),
    ...(typeof total === "number" ? [t("Carlens {time}", { time: duration(total) })] : []),
    ...measured.map(([step, ms]) =>
      t(/** @type {Message} */ (`${step} {time}`), { time: duration(ms) }),
    ),
  ];
}

/**
 * Count the objects of each class, the most frequent first.
 *
 * @param {Detection[]} objects
 * @returns {Map<string, number>}
 */
function countClasses(objects) {
  const counts = new Map();
  for (const { class_name: name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

const found = () => cards.flatMap((card) => card.items.map((item) => item.object));

/** Show a switch for each class found. */
function showClasses() {
  const names = [...countClasses(found()).keys()];
  $("kinds-list").replaceChildren(...names.map(classSwitch));
}

/** @param {string} name */
function classSwitch(name) {
  const box = make("input", {
    type: "checkbox",
    checked: !hiddenClasses.has(name),
    onchange: () => {
      if (box.checked) hiddenClasses.delete(name);
      else hiddenClasses.add(name);
      filter();
      announce(() => $("shown").textContent ?? "");
    },
  });
  return make(
    "label",
    { "data-kind": name },
    box,
    make("span", {}, `${className(name)} `, make("b")),
  );
}

/** Show what the slider and the class switches let through. */
function filter() {
  const threshold = Number($("threshold").value) / 100;
  /** @param {Detection} object */
  const confident = (object) => object.confidence >= threshold;
  /** @param {Detection} object */
  const passes = (object) => confident(object) && !hiddenClasses.has(object.class_name);
  const passing = sum(cards.map((card) => card.filter(passes)));
  const total = found().length;
  const tally = t("{n} of {total} shown", { n: passing, total });
  $("level").textContent = percent(threshold);
  $("shown").textContent = tally;
  $("threshold").setAttribute("aria-valuetext", `${percent(threshold)}, ${tally}`);
  const counts = countClasses(found().filter(confident));
  for (const label of /** @type {HTMLCollectionOf<HTMLElement>} */ ($("kinds-list").children)) {
    const n = counts.get(label.dataset.kind ?? "") ?? 0;
    label.hidden = n === 0;
    /** @type {HTMLElement} */ (label.querySelector("b")).textContent = String(n);
  }
  $("kinds").hidden = counts.size < 2 && hiddenClasses.size === 0;
  $("results-title").textContent = headline(passing, total);
}

/** @type {Record<Mode, { found: [Message, Message, Message], none: Message }>} */
const TEXTS = {
  predict: {
    found: ["{n} vehicle", "{n} vehicles", "No vehicles"],
    none: "The detector found no vehicle in this photo.",
  },
  object_detection: {
    found: ["{n} object", "{n} objects", "No objects"],
    none: "The detector found nothing it knows in this photo.",
  },
};

/**
 * Sum up the results in a line. A photo without objects is not the same as a strict filter.
 *
 * @param {number} passing
 * @param {number} total
 */
function headline(passing, total) {
  const failed = cards.filter((card) => card.failed).length;
  const analyzed = cards.length - failed;
  if (!analyzed) return plural(failed, "{n} photo failed", "{n} photos failed");
  const [one, many, none] = TEXTS[cards[0].mode].found;
  /** @param {number} n */
  const count = (n) => (n ? plural(n, one, many) : t(none));
  const summary =
    total && !passing
      ? plural(total, "0 of {found} passes the filters", "0 of {found} pass the filters", {
          found: count(total),
        })
      : plural(analyzed, "{found} in {n} photo", "{found} in {n} photos", {
          found: count(passing),
        });
  return summary + (failed ? t(", {n} failed", { n: failed }) : "");
}

/**
 * Make the card of one photo: the photo with its boxes, and the list of what was found.
 *
 * @param {Part} part
 * @param {Result | undefined} result
 * @param {Mode} mode
 * @param {boolean} named Whether vehicles can have names.
 * @returns {Card}
 */
function makeCard(part, result, mode, named) {
  const { photo } = part;
  const stage = make("div.stage");
  const size =
    result?.width && result.height
      ? t("{width} × {height} pixels", { width: result.width, height: result.height })
      : "";
  const about = make(
    "div.about",
    {},
    make("div", {}, make("h3", {}, photo.name), make("p.meta", {}, size)),
  );
  if (part.scaled) about.append(scaledNote(part, part.scaled));
  const element = make("article.panel.card", {}, make("div.view", {}, stage), about);
  const image = imageOf(photo, shortName(photo), () => {
    const reason = photo.file
      ? "This browser cannot display this file."
      : "The photo at this URL cannot be displayed here.";
    image.replaceWith(make("p.no-preview", {}, t(reason)));
  });
  stage.append(image);
  const card = { element, photo, image, result, mode };
  if (!result || result.error || !result.width || !result.height) {
    stage.classList.add("plain");
    about.append(failure(result?.error));
    return { ...card, failed: true, items: [], filter: () => 0, close: () => {} };
  }
  const overlay = new Overlay(stage, result.width, result.height, shortName(photo), named);
  return fillCard(card, result.width, result.height, overlay, about);
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
  const items = (base.result?.objects ?? []).map((object, i) => overlay.add(object, i + 1));
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
        : t(TEXTS[base.mode].none);
      overlay.arrange();
      return passing;
    },
    close: () => overlay.close(),
  };
  about.append(none, list, cardButtons(card, overlay.stage));
  return card;
}

/**
 * @param {Card} card
 * @param {HTMLElement} stage
 */
function cardButtons(card, stage) {
  const status = make("p.hint", { role: "status" });
  const enlarge = make(
    "button.button.small",
    {
      type: "button",
      hidden: !document.fullscreenEnabled,
      onclick: () => stage.parentElement?.requestFullscreen(),
    },
    t("Enlarge"),
  );
  const save = make(
    "button.button.small.png",
    {
      type: "button",
      onclick: async () => {
        status.textContent = await saveAnnotated(card);
      },
    },
    t("Download annotated PNG"),
  );
  return make("div", {}, make("div.exports", {}, enlarge, save), status);
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
};

/** @param {ErrorInfo | null | undefined} error */
function failure(error) {
  const message = error?.message ?? t("The answer has no result for this photo.");
  const french = language === "fr" && error && ERROR_MESSAGES[error.code];
  const title = FAILURE_TITLES[error?.code ?? ""] ?? "This photo failed";
  return make(
    "div.failed",
    {},
    make("strong", {}, t(title)),
    french ? make("p", {}, french) : null,
    make("p", { lang: error?.message ? "en" : null }, message),
  );
}

/**
 * @param {Part} part
 * @param {NonNullable<Part["scaled"]>} scaled
 */
function scaledNote({ photo, blob }, scaled) {
  /** @param {[number, number]} size */
  const pixels = ([width, height]) => `${width} × ${height}`;
  const sizes = {
    before: bytes(photo.file?.size ?? 0),
    after: bytes(blob?.size ?? 0),
    from: pixels(scaled.from),
    to: pixels(scaled.to),
  };
  const note =
    sizes.from === sizes.to
      ? t("Compressed before sending ({before} to {after}) to fit into one request.", sizes)
      : t(
          "Scaled down from {from} to {to} pixels before sending ({before} to {after}) to fit into one request. The boxes are mapped back to the original.",
          sizes,
        );
  return make("p.note", {}, note);
}

// What scrolls into view must not end up below the filters, however many lines they take.
new ResizeObserver(() => {
  style(document.documentElement, { "--filter-height": `${$("filter").offsetHeight}px` });
}).observe($("filter"));

$("threshold").addEventListener("input", filter);
$("copy-json").addEventListener("click", () =>
  copy(JSON.stringify(shown?.answer, null, 2), $("copy-json")),
);
$("save-csv").addEventListener("click", () =>
  download(new Blob([toCsv(cards)], { type: "text/csv" }), "carlens.csv"),
);

onLanguageChange(() => {
  if (!shown) return;
  const open = cards.map((card) => card.items.map((item) => item.row.open));
  draw(shown);
  for (const [i, card] of cards.entries()) {
    for (const [j, item] of card.items.entries()) item.row.open = open[i][j];
  }
});
