// The results: a card for each picture, filtered at once by the controls above them.

let cards = []; // what is shown of the last answer
let last = null; // {asked, answer}
const dropped = new Set(); // classes that the person has switched off

function showAnswer(asked, answer) {
  const again = answer === last?.answer; // in the other language
  const opened = again ? cards.map((card) => card.views.map((view) => view.row.open)) : [];
  if (!again) dropped.clear();
  last = { asked, answer };
  for (const card of cards) card.close();
  cards = asked.parts.map((part, i) => makeCard(part, answer.images[i], asked.mode));
  $("cards").replaceChildren(...cards.map((card) => card.element));
  for (const [i, rows] of opened.entries()) {
    for (const [j, open] of rows.entries()) cards[i].views[j].row.open = open;
  }
  $("filter").hidden = !cards.some((card) => card.views.length);
  $("legend").hidden = asked.mode !== "predict" || $("filter").hidden;
  $("results").hidden = false;
  $("facts").replaceChildren(...facts(answer, asked).map((fact) => make("span", {}, fact)));
  showKinds();
  showRunning(answer.models);
  filter();
  forgetUnused();
}

function facts({ timing_ms: timing = {} }, { elapsed }) {
  const { total: all, ...steps } = timing;
  const named = Object.entries(steps).filter(([, ms]) => typeof ms === "number");
  return [
    t("Round trip {time}", { time: duration(elapsed) }),
    ...(typeof all === "number" ? [t("in Carlens {time}", { time: duration(all) })] : []),
    ...named.map(([step, ms]) => t(`${step} {time}`, { time: duration(ms) })),
  ];
}

/** How many objects there are of each class, the most frequent first. */
function countKinds(objects) {
  const counts = new Map();
  for (const { class_name: kind } of objects) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

const found = () => cards.flatMap((card) => card.views.map((view) => view.object));

/** A switch for each class found. */
function showKinds() {
  const kinds = [...countKinds(found()).keys()];
  $("kinds-list").replaceChildren(
    ...kinds.map((kind) => {
      const box = make("input", {
        type: "checkbox",
        checked: !dropped.has(kind),
        onchange: () => {
          if (box.checked) dropped.delete(kind);
          else dropped.add(kind);
          filter();
          say(() => $("shown").textContent);
        },
      });
      const name = make("span", {}, `${kindName(kind)} `, make("b"));
      return make("label", { "data-kind": kind }, box, name);
    }),
  );
}

/** Show what the slider and the switches let through, and say what that comes to. */
function filter() {
  const threshold = Number($("threshold").value) / 100;
  const sure = (object) => object.confidence >= threshold;
  const passes = (object) => sure(object) && !dropped.has(object.class_name);
  const shown = total(cards.map((card) => card.filter(passes)));
  const all = found().length;
  const tally = t("{n} of {all} shown", { n: shown, all });
  $("level").textContent = percent(threshold);
  $("shown").textContent = tally;
  $("threshold").setAttribute("aria-valuetext", `${percent(threshold)}, ${tally}`);
  const counts = countKinds(found().filter(sure));
  for (const label of $("kinds-list").children) {
    const n = counts.get(label.dataset.kind) ?? 0;
    label.hidden = n === 0;
    label.querySelector("b").textContent = n;
  }
  $("kinds").hidden = counts.size < 2 && dropped.size === 0;
  const failed = cards.filter((card) => card.failed).length;
  $("results-title").textContent = headline(shown, all, failed);
}

/** What came of the request, in a line: an empty picture is not the same as a strict filter. */
function headline(shown, all, failed) {
  const seen = cards.length - failed;
  if (!seen) return plural(failed, "{n} picture failed", "{n} pictures failed");
  const [one, many, none] = MODES[cards[0].mode].found;
  const count = (n) => (n ? plural(n, one, many) : t(none));
  const hidden = ["0 of {found} passes the filters", "0 of {found} pass the filters"];
  const form = ["{found} in {n} picture", "{found} in {n} pictures"];
  const sum =
    all && !shown
      ? plural(all, ...hidden, { found: count(all) })
      : plural(seen, ...form, { found: count(shown) });
  return sum + (failed ? t(", {n} failed", { n: failed }) : "");
}

// What scrolls to a place must not end below the filters, however many lines they take.
new ResizeObserver(() => {
  style(document.documentElement, { "--filter-height": `${$("filter").offsetHeight}px` });
}).observe($("filter"));

/** One picture with its boxes, and beside it the list of what was found. */
function makeCard(part, entry, inMode) {
  const { picture } = part;
  const failed = Boolean(!entry || entry.error);
  const stage = make("div.stage");
  const { width, height } = entry ?? {};
  const about = make(
    "div.about",
    {},
    make(
      "div",
      {},
      make("h3", {}, picture.name),
      make("p.meta", {}, width ? t("{width} × {height} pixels", { width, height }) : ""),
    ),
  );
  if (part.scaled) about.append(scaledNote(part));
  const element = make("article.panel.card", {}, make("div.view", {}, stage), about);
  const card = { element, picture, entry, mode: inMode, failed, views: [] };

  card.photo = image(picture, shortName(picture), () => {
    const why = picture.file
      ? "This browser cannot show this file."
      : "This address shows no picture here.";
    card.photo.replaceWith(make("p.no-preview", {}, t(why)));
  });
  stage.append(card.photo);
  if (failed) {
    stage.classList.add("plain");
    about.append(failure(entry?.error));
    return Object.assign(card, { filter: () => 0, close: () => {} });
  }

  style(stage, { "--ratio": width / height });
  const none = make("p.none");
  const list = make("ol.found", { "aria-label": t("Found in this picture"), role: "list" });
  const overlay = new Overlay(stage, entry, picture);
  const views = entry.objects.map((object, i) => overlay.add(object, i + 1));
  list.append(...views.map((view) => make("li", {}, view.row)));
  overlay.settle();
  const download = make(
    "button.button.small.png",
    { type: "button", onclick: () => savePicture(card, word) },
    t("Download annotated PNG"),
  );
  const word = make("p.hint", { role: "status" });
  const enlarge = make(
    "button.button.small",
    {
      type: "button",
      hidden: !document.fullscreenEnabled,
      onclick: () => stage.parentElement.requestFullscreen(),
    },
    t("Enlarge"),
  );
  about.append(none, list, make("div", {}, make("div.exports", {}, enlarge, download), word));
  card.photo.addEventListener("load", () => {
    for (const view of views) drawCrop(card.photo, view, entry);
  });

  card.views = views;
  card.filter = (passes) => {
    for (const view of views) view.show(passes(view.object));
    const shown = views.filter((view) => view.shown).length;
    list.hidden = !shown;
    none.hidden = shown > 0;
    none.textContent = views.length
      ? t("Nothing here passes the filters above; {n} hidden.", { n: views.length })
      : t(MODES[inMode].none);
    overlay.arrange();
    return shown;
  };
  card.close = () => overlay.close();
  return card;
}

function failure(error) {
  const message = error?.message ?? t("The answer holds nothing for it.");
  const french = language === "fr" && FRENCH_ERRORS[error?.code];
  const title = PICTURE_ERRORS[error?.code] ?? PICTURE_ERRORS.unknown;
  return make(
    "div.failed",
    {},
    make("strong", {}, title[language === "fr" ? 1 : 0]),
    french ? make("p", {}, french) : null,
    make("p", { lang: error?.message ? "en" : null }, message),
  );
}

function scaledNote({ picture, blob, scaled }) {
  const size = ([width, height]) => `${width} × ${height}`;
  const same = size(scaled.from) === size(scaled.to);
  const note = same
    ? "Compressed before sending ({before} to {after}), to fit into one request."
    : "Scaled down from {from} to {to} pixels before sending ({before} to {after}), to fit into one request. The boxes are mapped back to the original.";
  return make(
    "p.note",
    {},
    t(note, {
      from: size(scaled.from),
      to: size(scaled.to),
      before: bytes(picture.file.size),
      after: bytes(blob.size),
    }),
  );
}
