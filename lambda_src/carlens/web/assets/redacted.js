// The results of redaction: a grid of the redacted photos, or each beside its original.

/** @import { Finding, Message, Photo, RegionKind, Tiles, ViewerCard } from "./types" */
import { makeComparison } from "./comparison.js";
import { offerToEnlarge } from "./detail.js";
import { $, download, make } from "./dom.js";
import { hasFailed } from "./filters.js";
import { Grid } from "./grid.js";
import { count, onLanguageChange, plural, t, translated } from "./i18n.js";
import "./redaction_options.js";
import { redactedName } from "./redaction.js";
import "./results.js";
import { analyzed, findingOf, mode, onSessionChange } from "./session.js";
import { announce, showProblem } from "./status.js";
import { thumbnailOf } from "./thumbnails.js";
import { Zip } from "./zip.js";

/** So many photos are shown in full; more are a grid. */
const CARDS = 3;

/** @type {Record<RegionKind, [Message, Message]>} */
const KINDS = {
  plate: ["{n} plate", "{n} plates"],
  face: ["{n} face", "{n} faces"],
  person: ["{n} person", "{n} people"],
};

/** @param {Photo} photo */
const redactedOf = (photo) => findingOf(photo)?.redacted;

const succeeded = () => analyzed().filter(redactedOf);

/**
 * Count the regions in photos by kind, for example "2 plates, 1 face".
 *
 * @param {Photo[]} photos
 */
function countRegions(photos) {
  const kinds = photos.flatMap((photo) => redactedOf(photo)?.regions ?? []).map((r) => r.kind);
  return Object.entries(KINDS)
    .map(([kind, [one, many]]) => {
      const n = kinds.filter((each) => each === kind).length;
      return n ? plural(n, one, many, { n: count(n) }) : "";
    })
    .filter(Boolean)
    .join(", ");
}

/** @type {Tiles} */
const tiles = {
  summarize: (photo) => {
    if (hasFailed(photo)) return [t("Failed"), "broken"];
    const found = countRegions([photo]);
    return found ? [found, "plain"] : [t("Nothing found"), "empty"];
  },
  lookOf: (photo) => findingOf(photo)?.query,
  thumbnailOf: async (photo) => {
    const picture = redactedOf(photo)?.picture;
    if (!picture) throw new Error("not redacted");
    return thumbnailOf(picture);
  },
  marksOf: () => [],
};

const list = make("ul.grid");
const cardList = make("div.cards");
const zipButton = make("button.button.small", { type: "button", onclick: saveAll });
const grid = new Grid(list, tiles, openViewer);
/** @type {Map<Photo, { finding: Finding, card: ViewerCard }>} */
let cards = new Map();

$("redacted").append(
  make(
    "div.results-head",
    {},
    make(
      "p.guarantee",
      {},
      translated(
        "span",
        "This is help, not a guarantee: plates, faces and people can be missed. Look at every photo before you publish it.",
      ),
    ),
    make("div.exports", {}, zipButton),
  ),
  list,
  cardList,
);

/** @param {Photo} photo */
async function openViewer(photo) {
  try {
    const viewer = await import("./viewer.js");
    viewer.openViewer(analyzed(), photo, (last) => grid.focus(last), drawComparison);
  } catch (error) {
    showProblem(error);
  }
}

/**
 * @param {Photo} photo
 * @param {Finding} finding
 */
const drawComparison = (photo, finding) =>
  makeComparison(photo, finding, countRegions([photo]) || t("Nothing found"));

function show() {
  const redacting = mode() === "anonymize";
  $("redaction").hidden = $("redacted").hidden = !redacting;
  const few = analyzed().length <= CARDS;
  list.hidden = few;
  cardList.hidden = !few;
  showCards(redacting && few ? analyzed() : []);
  grid.show(redacting && !few ? analyzed() : []);
  if (!redacting) return;
  $("results-title").textContent = headline();
  const done = succeeded().length;
  zipButton.hidden = !done;
  zipButton.textContent = plural(
    done,
    "Download {n} redacted photo (ZIP)",
    "Download {n} redacted photos (ZIP)",
    { n: count(done) },
  );
}

function headline() {
  const failed = analyzed().length - succeeded().length;
  const done = succeeded().length;
  if (!done) return plural(failed, "{n} photo failed", "{n} photos failed");
  const found = countRegions(succeeded()) || t("Nothing found");
  const summary = plural(done, "{found} in {n} photo", "{found} in {n} photos", {
    found,
    n: count(done),
  });
  return summary + (failed ? t(", {n} failed", { n: failed }) : "");
}

/** @param {Photo[]} shown */
function showCards(shown) {
  const before = cards;
  cards = new Map(
    shown.map((photo) => {
      const finding = /** @type {Finding} */ (findingOf(photo));
      const old = before.get(photo);
      if (old?.finding === finding) return [photo, old];
      return [photo, { finding, card: largeCard(photo, finding) }];
    }),
  );
  const stays = new Set([...cards.values()].map(({ card }) => card));
  for (const { card } of before.values()) if (!stays.has(card)) card.close();
  const elements = [...stays].map(({ element }) => element);
  if (elements.length !== cardList.children.length || elements.some((e) => !e.isConnected)) {
    cardList.replaceChildren(...elements);
  }
}

/**
 * @param {Photo} photo
 * @param {Finding} finding
 */
function largeCard(photo, finding) {
  const card = drawComparison(photo, finding);
  offerToEnlarge(card.element, () => openViewer(photo));
  return card;
}

/** Save all redacted photos, and nothing else, as a ZIP archive. */
async function saveAll() {
  try {
    const zip = new Zip();
    for (const photo of succeeded()) {
      const picture = redactedOf(photo)?.picture;
      if (picture) await zip.add(redactedName(photo, picture), picture);
    }
    const name = "carlens-redacted.zip";
    download(zip.finish(), name);
    announce(() => t("{name} saved.", { name }));
  } catch (error) {
    showProblem(error);
  }
}

onSessionChange(show);
onLanguageChange(() => {
  showCards([]);
  show();
});
show();
