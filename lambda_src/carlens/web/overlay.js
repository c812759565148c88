// The boxes over a picture, and the rows of the list that go with them.

/** How an object is named: `sure`, `likely` (the make, a guess) or `kind` (only what it is). */
function naming(object) {
  const kind = kindName(object.class_name);
  const share = percent(object.confidence);
  const detected = t("detected {share}", { share });
  const seen = t("{kind}, detected {share}", { kind, share });
  if (!object.pred?.length) return { how: "sure", title: kind, subtitle: detected };
  if (object.certain) return { how: "sure", title: object.pred[0], subtitle: seen };
  if (object.make?.prob >= 0.5) {
    const title = `${object.make.name}?`;
    const guess = t("; make {share}", { share: percent(object.make.prob) });
    return { how: "likely", title, subtitle: seen + guess };
  }
  return { how: "kind", title: kind, subtitle: detected };
}

// From here on the list stands beside the picture and scrolls by itself.
const beside = matchMedia("(min-width: 54rem)");

/** The boxes over one picture, and the rows of the list that go with them. */
class Overlay {
  constructor(stage, { width, height }, picture) {
    this.stage = stage;
    this.width = width;
    this.height = height;
    this.views = [];
    this.pinned = this.peeked = this.opened = this.active = null;
    this.svg = makeSvg("svg", {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.spot = make("span");
    this.shade = make("div.shade", {}, this.spot);
    this.hits = make("div", {
      role: "group",
      "aria-label": t("Boxes in {name}; arrow keys move between them", {
        name: shortName(picture),
      }),
      onkeydown: (event) => this.key(event),
    });
    this.tags = make("div", { "aria-hidden": "true" });
    stage.append(this.shade, this.svg, this.hits, this.tags);
    stage.addEventListener("click", (event) => {
      if (!event.target.closest(".hit")) this.pin(null);
    });
    this.watch = new ResizeObserver(() => this.arrange());
    this.watch.observe(stage);
  }

  add(object, number) {
    const name = naming(object);
    const { x1, y1, x2, y2 } = object;
    const rect = (part) =>
      makeSvg(`rect.${part}`, { x: x1, y: y1, width: x2 - x1, height: y2 - y1 });
    const view = { object, name, number, shown: true };
    const pointing = (to) => ({
      onpointermove: (event) => this.byHand(event) && to(view),
      onpointerleave: (event) => this.byHand(event) && to(null),
      onfocus: () => to(view),
      onblur: () => to(null),
    });
    view.area = {
      left: `${(x1 / this.width) * 100}%`,
      top: `${(y1 / this.height) * 100}%`,
      width: `${((x2 - x1) / this.width) * 100}%`,
      height: `${((y2 - y1) / this.height) * 100}%`,
    };
    view.shape = makeSvg(`g.shape.${name.how}`, {}, rect("halo"), rect("line"));
    view.hit = make("button.hit", {
      type: "button",
      tabindex: "-1",
      "aria-label": `${number}: ${name.title}, ${name.subtitle}`,
      onclick: (event) => this.pin(view === this.pinned ? null : view, event),
      ...pointing((to) => this.peek(to)),
    });
    style(view.hit, view.area);
    view.tag = make(
      `span.tag.${name.how}`,
      {},
      make("b", {}, number),
      make("span", {}, name.title),
    );
    const density = Math.max(2, Math.ceil(devicePixelRatio));
    const size = { width: 56 * density, height: 42 * density };
    view.crop = make("canvas.crop", { ...size, "aria-hidden": "true" });
    view.row = makeRow(view, pointing((to) => this.point(to)));
    view.show = (shown) => {
      view.shown = shown;
      view.hit.hidden = view.tag.hidden = view.row.parentElement.hidden = !shown;
      view.shape.toggleAttribute("hidden", !shown);
    };
    this.views.push(view);
    return view;
  }

  /** Put small boxes over large ones, so that each can be pointed at. */
  settle() {
    const area = ({ object: o }) => (o.x2 - o.x1) * (o.y2 - o.y1);
    const ordered = [...this.views].sort((a, b) => area(b) - area(a));
    this.svg.append(...ordered.map((view) => view.shape));
    this.hits.append(...this.views.map((view) => view.hit));
    for (const [i, view] of ordered.entries()) style(view.hit, { "z-index": i });
    this.tags.append(...this.views.map((view) => view.tag));
    if (this.views.length <= 3) for (const view of this.views) view.row.open = true;
  }

  point(view) {
    this.light(view ?? this.pinned);
  }

  /** A finger points at nothing, nor does a mouse at rest when the page moves under it. */
  byHand({ pointerType, screenX, screenY }) {
    return pointerType !== "touch" && `${[screenX, screenY]}` !== this.rest;
  }

  /** Point at a box, its row open as long as it is pointed at, where that moves nothing else. */
  peek(view) {
    this.point(view);
    if (!beside.matches || view === this.peeked) return;
    this.peeked = view;
    if (this.opened) this.opened.row.open = false;
    this.opened = view?.row.open === false ? view : null;
    if (this.opened) this.opened.row.open = true;
    if (view) this.reveal(view);
  }

  pin(view, { screenX, screenY } = {}) {
    this.rest = `${[screenX, screenY]}`;
    this.opened = null;
    this.pinned = view;
    this.light(view);
    if (!view) return;
    view.row.open = true;
    this.reveal(view);
  }

  /** Bring a row into sight: within its list, or below the picture that stays above it. */
  reveal({ row }) {
    const list = row.closest(".found");
    const [at, frame, view] = [row, list, this.stage].map((part) => part.getBoundingClientRect());
    const bar = $("filter").offsetHeight;
    const above = beside.matches ? Math.max(frame.top, bar) : bar + view.height;
    const below = beside.matches ? Math.min(frame.bottom, innerHeight) : innerHeight;
    const by = Math.min(0, at.top - above) || Math.max(0, Math.min(at.bottom - below, at.top - above));
    (beside.matches ? list : window).scrollBy(0, by);
  }

  light(view) {
    if (view === this.active) return;
    for (const { shape, tag, row } of [this.active, view].filter(Boolean)) {
      for (const part of [shape, tag, row]) part.classList.toggle("active");
    }
    if (this.active) this.place(this.active);
    this.active = view;
    this.stage.classList.toggle("lit", view !== null);
    if (!view) return;
    style(this.spot, view.area);
    this.place(view);
  }

  /** Arrow keys go from box to box in the list's order; one box at a time is a tab stop. */
  key(event) {
    const shown = this.views.filter((view) => view.shown);
    const at = shown.findIndex((view) => view.hit === document.activeElement);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: -1,
    }[event.key];
    if (event.key === "Escape") this.pin(null);
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const view = shown.at(to % shown.length);
    this.stop(view);
    view.hit.focus();
  }

  stop(chosen) {
    for (const view of this.views) view.hit.tabIndex = view === chosen ? 0 : -1;
  }

  arrange() {
    const shown = this.views.filter((view) => view.shown);
    if (!shown.some((view) => view.hit.tabIndex === 0)) this.stop(shown[0]);
    if (this.active && !this.active.shown) this.light((this.pinned = null));
    const wide = this.stage.clientWidth;
    const high = this.stage.clientHeight;
    if (!wide || !high) return;
    for (const { tag } of shown) {
      tag.classList.remove("short", "off");
      style(tag, { left: "0", top: "0" }); // a place at the edge would squeeze it
    }
    for (const view of shown) {
      const { offsetWidth: full, offsetHeight: height, firstChild } = view.tag;
      view.size = { full, height, short: firstChild.offsetWidth };
    }
    placeNames(shown, wide / this.width, wide, high); // the stage has the picture's shape
    for (const view of shown) this.place(view);
  }

  place(view) {
    const active = view.tag.classList.contains("active");
    const spot = active ? view.wide : view.spot;
    view.tag.classList.toggle("off", !spot);
    view.tag.classList.toggle("short", !active && spot?.width === view.size.short);
    if (!spot) return;
    style(view.tag, {
      left: `${(spot.x / this.stage.clientWidth) * 100}%`,
      top: `${(spot.y / this.stage.clientHeight) * 100}%`,
    });
  }

  close() {
    this.watch.disconnect();
  }
}

/**
 * Find a place for every name: above its box, in it or below, where it covers no other name.
 * Where there is none only the number is shown, or nothing where not even that has a place.
 */
function placeNames(views, scale, wide, high) {
  const taken = [];
  for (const view of views) {
    const { full, short, height } = view.size;
    const free = (spot) => spot.inside && !taken.some((other) => overlap(other, spot));
    const spots = (width) => places(view.object, width, height, scale, wide, high);
    // A long name over a small box on a small screen would hide more than it tells.
    const boxWide = (view.object.x2 - view.object.x1) * scale;
    const fits = full <= Math.max(1.2 * boxWide, 0.4 * wide);
    view.spot = (fits && spots(full).find(free)) || spots(short).find(free);
    view.wide = spots(full).find((spot) => spot.inside) ?? spots(full)[0];
    if (view.spot) taken.push(view.spot);
  }
}

/** Where a name of width x height may stand, best first; all in pixels of the screen. */
function places({ x1, y1, x2, y2 }, width, height, scale, wide, high) {
  const left = x1 * scale - 1;
  const right = x2 * scale + 1 - width;
  const top = y1 * scale - 1;
  const bottom = y2 * scale + 1;
  const corners = [top - height, top, bottom, bottom - height].flatMap((y) => [
    [left, y],
    [right, y],
  ]);
  return corners.map(([x, y]) => ({
    x: Math.max(0, Math.min(x, wide - width)),
    y,
    width,
    height,
    inside: y >= -2 && y + height <= high + 2,
  }));
}

function overlap(a, b) {
  return (
    a.x < b.x + b.width + 2 &&
    b.x < a.x + a.width + 2 &&
    a.y < b.y + b.height + 1 &&
    b.y < a.y + a.height + 1
  );
}

/** One row of the list: what it is, and under it the five best names with their probabilities. */
function makeRow(view, point) {
  const { object, name, number } = view;
  const headline = [
    make("span.number", {}, number),
    view.crop,
    make(
      "span",
      {},
      make("span.title", {}, name.title),
      make("span.subtitle", {}, name.subtitle),
      object.certain && object.reference
        ? make("span.subtitle.reference-name", {}, t("Reference: {name}", { name: fullName(object.reference) }))
        : null,
    ),
  ];
  if (!object.pred) {
    const listeners = { ...point, onclick: () => view.hit.click() };
    const content = make("span.headline", {}, ...headline);
    return make("button.row-of", { type: "button", ...listeners }, content);
  }
  const { onfocus, onblur, ...pointing } = point;
  const chevron = make("span.chevron", { "aria-hidden": "true" });
  const row = make(`details.row-of.${name.how}`, pointing);
  row.append(make("summary.headline", { onfocus, onblur }, ...headline, chevron));
  const bars = object.pred.map((text, i) => bar(text, percent(object.prob[i]), object.prob[i]));
  if (name.how !== "sure") row.append(make("p.bars-name", {}, t("Not sure. The nearest names:")));
  row.append(make("ol.bars", { role: "list" }, ...bars));
  return row;
}

/** A line of a list with bars: what it is, and how much of the whole. */
function bar(text, shown, share) {
  return make(
    "li",
    {},
    make("span", {}, text),
    make("span.share", {}, shown),
    style(make("span.bar", { "aria-hidden": "true" }), { "--share": share }),
  );
}

/** The object cut out of the photo, to find it again in the list. */
function drawCrop(photo, { crop, object }, entry) {
  const [w, h] = [photo.naturalWidth, photo.naturalHeight];
  const [scaleX, scaleY] = [w / entry.width, h / entry.height];
  const ratio = crop.width / crop.height;
  const boxWide = (object.x2 - object.x1) * scaleX * 1.1;
  const boxHigh = (object.y2 - object.y1) * scaleY * 1.1;
  // The box grown to the crop's shape, and moved rather than cut where it leaves the photo.
  const wide = Math.min(w, Math.max(boxWide, boxHigh * ratio));
  const high = Math.min(h, Math.max(boxHigh, boxWide / ratio));
  const within = (middle, length, end) => Math.max(0, Math.min(middle - length / 2, end - length));
  const left = within(((object.x1 + object.x2) / 2) * scaleX, wide, w);
  const top = within(((object.y1 + object.y2) / 2) * scaleY, high, h);
  const scale = Math.min(crop.width / wide, crop.height / high);
  const context = crop.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(
    photo,
    ...[left, top, wide, high],
    ...[(crop.width - wide * scale) / 2, (crop.height - high * scale) / 2],
    ...[wide * scale, high * scale],
  );
}
