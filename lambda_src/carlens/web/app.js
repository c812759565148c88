// The page is three things: the tray (pictures to send), one request at a time, and its results.
// Text from files, addresses and answers is only ever set as text, never as markup.

// API Gateway hands a function 6 MB of event, base64 included: about 4.5 MB of form.
const MAX_BYTES = 4_500_000;
const PART_BYTES = 300; // the headers of one form part, generously
const SIDES = [1600, 1280, 1024, 800, 640, 512, 400, 320]; // longest side in pixels, when shrinking
const FLOOR = 0.2; // the weakest detection asked for; the slider filters from here without asking

const MODES = {
  predict: {
    one: "vehicle",
    many: "vehicles",
    none:
      "No vehicle found in this picture: no car and no truck. " +
      "Buses, motorcycles and bicycles are among “All objects”.",
    verb: "Find the vehicles",
  },
  object_detection: {
    one: "object",
    many: "objects",
    none: "Nothing found in this picture that the detector knows.",
    verb: "Find the objects",
  },
};

const PICTURE_ERRORS = {
  not_an_image: "This is not a picture Carlens can read",
  unsupported_image: "This kind of picture is not supported",
  picture_too_large: "This picture is too large",
  invalid_base64: "This picture arrived damaged",
  url_refused: "This address is not allowed",
  url_failed: "This address could not be fetched",
  deadline_exceeded: "Time ran out before this picture",
};

const $ = (id) => document.getElementById(id);
const SVG = document.querySelector("svg").namespaceURI;

let tray = []; // {id, name, source, file | address}: file for image fields, address for url fields
let cancel = null; // AbortController of the request under way
let cards = []; // what is shown of the last answer
let nextId = 1;

// Small helpers -----------------------------------------------------------------------------

/** Make an element: attributes, listeners (on…), then children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, attributes, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElementNS(SVG, name), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Set styles through the CSSOM, which the Content-Security-Policy allows. */
function style(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}

const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
const percent = (share) => (share > 0 && share < 0.005 ? "<1%" : `${Math.round(share * 100)}%`);
const total = (numbers) => numbers.reduce((sum, n) => sum + n, 0);
const mode = () => document.querySelector('input[name="mode"]:checked').value;

function bytes(n) {
  if (n < 1000) return `${n} B`;
  return n < 999_500 ? `${Math.round(n / 1000)} KB` : `${(n / 1e6).toFixed(1)} MB`;
}

function duration(ms) {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
}

function say(text) {
  $("status").textContent = text;
}

// The tray ----------------------------------------------------------------------------------

function addFiles(files) {
  const added = [...files].map((file) => ({
    id: nextId++,
    name: file.name || "picture",
    file,
    source: URL.createObjectURL(file),
  }));
  if (added.length) changeTray([...tray, ...added], `${count(added.length, "photo")} added.`);
}

/** Take the addresses in a text, one a line; return the lines that are none. */
function addAddresses(text) {
  const lines = text
    .split(/\s*\n\s*/)
    .map((line) => line.trim())
    .filter(Boolean);
  const isAddress = (line) => {
    try {
      return /^https?:$/.test(new URL(line).protocol);
    } catch {
      return false;
    }
  };
  const added = lines.filter(isAddress).map((address) => ({
    id: nextId++,
    name: address,
    address,
    source: address,
  }));
  if (added.length) {
    changeTray([...tray, ...added], `${count(added.length, "address", "addresses")} added.`);
  }
  return lines.filter((line) => !isAddress(line));
}

/** Move what the text field holds into the tray; what is no address stays there, with a word. */
function takeField() {
  const field = $("addresses");
  const rest = addAddresses(field.value);
  field.value = rest.join("\n");
  field.setAttribute("aria-invalid", String(rest.length > 0));
  $("addresses-problem").textContent = rest.length
    ? `${rest.length === 1 ? "This line is" : "These lines are"} no address. ` +
      "An address begins with https:// or http://."
    : "";
  if (rest.length) field.focus();
  return rest.length === 0;
}

function changeTray(pictures, message) {
  tray = pictures;
  const known = new Map([...$("tray").children].map((item) => [Number(item.dataset.id), item]));
  $("tray").replaceChildren(...tray.map((picture) => known.get(picture.id) ?? trayItem(picture)));
  showTray();
  forgetUnused();
  say(message ?? "");
}

function trayItem(picture) {
  const preview = make("span.thumb");
  preview.append(
    image(picture, "", () => preview.replaceChildren(picture.file ? "No preview" : "Not shown")),
  );
  return make(
    "li",
    { "data-id": picture.id, title: picture.name },
    preview,
    make("p.tray-name", {}, shortName(picture)),
    make("p.tray-size", {}, picture.file ? bytes(picture.file.size) : "Address"),
    make("button.remove", {
      type: "button",
      "aria-label": `Remove ${shortName(picture)}`,
      onclick: () => removePicture(picture),
    }),
  );
}

function removePicture(picture) {
  const at = tray.indexOf(picture);
  changeTray(
    tray.filter((other) => other !== picture),
    `Removed ${shortName(picture)}.`,
  );
  const buttons = $("tray").querySelectorAll(".remove");
  (buttons[Math.min(at, buttons.length - 1)] ?? $("files")).focus();
}

/** The file's name, or the last part of an address. */
function shortName(picture) {
  if (picture.file) return picture.name;
  const url = new URL(picture.address);
  return decode(url.pathname.split("/").filter(Boolean).pop() ?? url.hostname);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function image(picture, alt, onerror) {
  return make("img", {
    src: picture.source,
    alt,
    draggable: "false",
    decoding: "async",
    referrerpolicy: "no-referrer",
    onerror,
  });
}

function showTray() {
  const size = total(tray.map((picture) => picture.file?.size ?? 0));
  $("tray").hidden = $("clear").hidden = tray.length === 0;
  $("clear").hidden ||= cancel !== null;
  $("send").setAttribute("aria-disabled", String(!tray.length || cancel !== null));
  $("send").textContent =
    MODES[mode()].verb + (tray.length ? ` in ${count(tray.length, "picture")}` : "");
  $("size").hidden = size <= MAX_BYTES;
  $("size").textContent =
    `${bytes(size)} in all. The large ones will be scaled down, as one request holds ` +
    `${bytes(MAX_BYTES)}.`;
}

/** Give back the memory of pictures that are neither in the tray nor among the results. */
const held = new Set();
function forgetUnused() {
  const used = new Set([...tray, ...cards.map((card) => card.picture)].map((p) => p.source));
  for (const picture of tray) if (picture.file) held.add(picture.source);
  for (const source of held) {
    if (used.has(source)) continue;
    URL.revokeObjectURL(source);
    held.delete(source);
  }
}

// Fitting the pictures into one request -----------------------------------------------------

/**
 * Decide what is sent for each picture: its file as it is, or scaled down where all together
 * are too large. Small files keep their bytes; the large ones share what room is left.
 */
async function fit(pictures, signal) {
  const parts = pictures.map((picture) => ({ picture, blob: picture.file, scaled: null }));
  let room = MAX_BYTES - total(pictures.map((p) => PART_BYTES + 3 * p.name.length));
  const files = parts.filter((part) => part.blob).sort((a, b) => a.blob.size - b.blob.size);
  if (total(files.map((part) => part.blob.size)) <= room) return parts;

  while (files.length && files[0].blob.size <= room / files.length) {
    room -= files.shift().blob.size;
  }
  for (let step = 0; step < SIDES.length;) {
    for (const [i, part] of files.entries()) {
      signal.throwIfAborted();
      say(`Scaling down picture ${i + 1} of ${files.length}…`);
      await shrink(part, SIDES[step]);
    }
    const size = total(files.map((part) => part.blob.size));
    if (size <= room) return parts;
    // Bytes grow about as the square of the side: skip the steps that cannot fit.
    const likely = SIDES[step] * Math.sqrt(room / size) * 1.1;
    do step += 1;
    while (step < SIDES.length - 1 && SIDES[step] > likely);
  }
  throw new Problem(
    `These pictures are more than ${bytes(MAX_BYTES)} even when scaled down. ` +
      "Send fewer at once, or smaller ones.",
  );
}

/** Re-encode one picture with its longest side at most `side`, when that makes it smaller. */
async function shrink(part, side) {
  const file = part.picture.file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return; // not a picture for this browser; the server may know better
  }
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff"; // JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  if (blob && blob.size < file.size) {
    part.blob = blob;
    part.scaled = { from: [bitmap.width, bitmap.height], to: [width, height] };
  }
  bitmap.close();
}

// The request -------------------------------------------------------------------------------

/** What went wrong with the whole request, in words for the person. */
class Problem extends Error {
  constructor(message, { status = 0, reference = "" } = {}) {
    super(message);
    this.status = status;
    this.reference = reference;
  }
}

async function send() {
  if (cancel || !takeField()) return;
  if (!tray.length) return say("Add a photo or an address first.");
  const pictures = tray;
  const asked = { mode: mode(), pictures, key: $("key").value.trim() };
  const path = `${asked.mode}?format=detailed&confidence=${FLOOR}`;
  cancel = new AbortController();
  const { signal } = cancel;
  begin();
  try {
    asked.parts = await fit(pictures, signal);
    const form = new FormData();
    for (const { picture, blob } of asked.parts) {
      if (picture.file) form.append("image", blob, picture.name);
      else form.append("url", picture.address);
    }
    const started = performance.now();
    const { status, text } = await post(path, form, asked.key, signal);
    asked.elapsed = performance.now() - started;
    showCurl(asked, path);
    showAnswer(asked, read(status, text), text);
  } catch (error) {
    if (signal.aborted) return end("Canceled.");
    showProblem(error);
    return end("");
  }
  end($("results-title").textContent);
  $("results-title").focus({ preventScroll: true });
  $("results").scrollIntoView();
}

function begin() {
  $("problem").hidden = true;
  $("cancel").hidden = false;
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  showTray();
}

function end(message) {
  clearInterval(clock);
  $("clock").textContent = "";
  cancel = null;
  if (document.activeElement === $("cancel")) $("send").focus();
  $("cancel").hidden = true;
  $("progress").hidden = true;
  showTray();
  say(message);
}

/** POST the form. fetch cannot tell how much is sent, so this is XMLHttpRequest. */
function post(path, form, key, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    if (key) request.setRequestHeader("x-api-key", key);
    request.upload.onprogress = ({ loaded, total: all }) => {
      $("progress").max = all;
      $("progress").value = loaded;
      $("clock").textContent = `${bytes(loaded)} of ${bytes(all)}`;
    };
    request.upload.onload = waiting;
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () =>
      reject(new Problem("The server could not be reached. Check the connection and try again."));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    say("Sending…");
    request.send(form);
  });
}

let clock = 0;
function waiting() {
  const since = performance.now();
  const tick = () => {
    const seconds = Math.floor((performance.now() - since) / 1000);
    $("clock").textContent = seconds ? `${seconds} s` : "";
  };
  $("progress").removeAttribute("value");
  say("Looking at the pictures…");
  clearInterval(clock);
  clock = setInterval(tick, 1000);
  tick();
}

/** The answer, or the Problem it tells of. */
function read(status, text) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // The message below says it.
  }
  if (status >= 200 && status < 300 && Array.isArray(answer?.images)) return answer;
  const { message, request_id: reference } = answer?.error ?? answer ?? {};
  const said = typeof message === "string" ? message : status >= 400 ? text.slice(0, 300) : "";
  throw new Problem(said || "The server's answer could not be understood.", { status, reference });
}

function showProblem(error) {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  const { status = 0, reference = "" } = error;
  const lines = [
    make(
      "p",
      {},
      make("strong", {}, "The request failed. "),
      known ? error.message : "Something in this page broke. Reload it and try again.",
    ),
  ];
  if (status === 401 || status === 403) {
    $("key-panel").open = true;
    lines.push(
      make("p", {}, "If this API asks for a key, enter it under “API key” and try again."),
    );
  }
  if (cards.length) lines.push(make("p", {}, "The results below are from the request before."));
  const facts = [status ? `HTTP ${status}` : "", reference ? `request ${reference}` : ""];
  const shown = facts.filter(Boolean).join(", ");
  if (shown) lines.push(make("p.reference", {}, shown));
  $("problem").hidden = false;
  $("problem").replaceChildren(...lines);
  $("problem").scrollIntoView({ block: "nearest" });
}

// The results -------------------------------------------------------------------------------

function showAnswer(asked, answer, text) {
  for (const card of cards) card.close();
  cards = asked.parts.map((part, i) => makeCard(part, answer.images[i], asked.mode));
  $("cards").replaceChildren(...cards.map((card) => card.element));
  $("legend").hidden = asked.mode !== "predict";
  $("filter").hidden = !cards.some((card) => card.size);
  $("results").hidden = false;
  $("facts").replaceChildren(...facts(answer, asked).map((fact) => make("span", {}, fact)));
  $("copy-answer").hidden = false;
  $("copy-answer").onclick = () => copy(text, $("copy-answer"));
  showModels(answer.models);
  filter();
  forgetUnused();
}

function facts({ timing_ms: timing = {} }, { elapsed }) {
  const { total: all, ...steps } = timing;
  const named = Object.entries(steps).filter(([, ms]) => typeof ms === "number");
  return [
    `Round trip ${duration(elapsed)}`,
    ...(typeof all === "number" ? [`in Carlens ${duration(all)}`] : []),
    ...named.map(([step, ms]) => `${step} ${duration(ms)}`),
  ];
}

/** Show what the slider lets through, and say what that comes to. */
function filter() {
  const threshold = Number($("threshold").value) / 100;
  const shown = total(cards.map((card) => card.filter(threshold)));
  const tally = `${shown} of ${total(cards.map((card) => card.size))} shown`;
  $("level").textContent = percent(threshold);
  $("shown").textContent = tally;
  $("threshold").setAttribute("aria-valuetext", `${percent(threshold)}, ${tally}`);
  const failed = cards.filter((card) => card.failed).length;
  const { one, many } = MODES[cards[0].mode];
  const found = shown ? count(shown, one, many) : `No ${one}`;
  $("results-title").textContent =
    `${found} in ${count(cards.length - failed, "picture")}` + (failed ? `, ${failed} failed` : "");
}

/** One picture with its boxes, and beside it the list of what was found. */
function makeCard(part, entry, inMode) {
  const { picture } = part;
  const words = MODES[inMode];
  const failed = !entry || entry.error;
  const objects = failed ? [] : entry.objects;
  const stage = make("div.stage");
  const about = make(
    "div.about",
    {},
    make(
      "div",
      {},
      make("h3", {}, picture.name),
      make("p.meta", {}, entry?.width ? `${entry.width} × ${entry.height} pixels` : ""),
    ),
  );
  if (part.scaled) about.append(scaledNote(part));
  const element = make("article.panel.card", {}, make("div.view", {}, stage), about);
  const card = { element, picture, mode: inMode, failed: Boolean(failed), size: objects.length };

  const photo = image(picture, shortName(picture), () =>
    photo.replaceWith(
      make(
        "p.no-preview",
        {},
        picture.file
          ? "This browser cannot show this file."
          : "This address shows no picture here.",
      ),
    ),
  );
  stage.append(photo);
  if (failed) {
    stage.classList.add("plain");
    about.append(failure(entry?.error));
    return Object.assign(card, { filter: () => 0, close: () => {} });
  }

  style(stage, { "--ratio": entry.width / entry.height });
  const none = make("p.none", {});
  const list = make("ol.found", { "aria-label": `${words.many} found`, role: "list" });
  const overlay = new Overlay(stage, entry, picture);
  const views = objects.map((object, i) => overlay.add(object, i + 1));
  list.append(...views.map((view) => make("li", {}, view.row)));
  overlay.settle();
  about.append(none, list);
  photo.addEventListener("load", () => views.forEach((view) => drawCrop(photo, view, entry)));

  card.filter = (threshold) => {
    for (const view of views) view.show(view.object.confidence >= threshold);
    const shown = views.filter((view) => view.shown).length;
    const weaker = views.length - shown;
    list.hidden = !shown;
    none.hidden = shown > 0;
    none.textContent = views.length
      ? `No ${words.one} at ${percent(threshold)} or more; ${weaker} weaker.`
      : words.none;
    overlay.arrange();
    return shown;
  };
  card.close = () => overlay.close();
  return card;
}

function failure(error) {
  const title = PICTURE_ERRORS[error?.code] ?? "This picture failed";
  const message = error?.message ?? "The answer holds nothing for it.";
  return make("p.failed", {}, make("strong", {}, title), message);
}

function scaledNote({ picture, blob, scaled }) {
  const size = ([width, height]) => `${width} × ${height}`;
  const change =
    size(scaled.from) === size(scaled.to)
      ? "Compressed"
      : `Scaled down from ${size(scaled.from)} to ${size(scaled.to)} pixels`;
  return make(
    "p.note",
    {},
    `${change} before sending (${bytes(picture.file.size)} to ${bytes(blob.size)}), ` +
      `so that all pictures fit into ${bytes(MAX_BYTES)}.`,
  );
}

/** How an object is named: `sure`, `likely` (the make, a guess) or `kind` (only what it is). */
function naming(object) {
  const kind = object.class_name;
  const detected = `detected ${percent(object.confidence)}`;
  const seen = `${kind}, ${detected}`;
  if (!object.pred?.length) return { how: "sure", title: kind, subtitle: detected };
  if (object.certain) return { how: "sure", title: object.pred[0], subtitle: seen };
  if (object.make?.prob >= 0.5) {
    const title = `${object.make.name}?`;
    return { how: "likely", title, subtitle: `${seen}; make ${percent(object.make.prob)}` };
  }
  return { how: "kind", title: kind, subtitle: detected };
}

/** The boxes over one picture, and the rows of the list that go with them. */
class Overlay {
  constructor(stage, { width, height }, picture) {
    this.stage = stage;
    this.width = width;
    this.height = height;
    this.views = [];
    this.pinned = this.pointed = this.active = null;
    this.svg = makeSvg("svg", {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    this.spot = make("span");
    this.shade = make("div.shade", {}, this.spot);
    this.hits = make("div", {
      role: "group",
      "aria-label": `Boxes in ${shortName(picture)}; arrow keys move between them`,
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
    const view = { object, name, shown: true };
    const point = {
      onpointerenter: () => this.point(view),
      onpointerleave: () => this.point(null),
      onfocus: () => this.point(view),
      onblur: () => this.point(null),
    };
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
      onclick: () => this.pin(view),
      ...point,
    });
    style(view.hit, view.area);
    view.tag = make(
      `span.tag.${name.how}`,
      {},
      make("b", {}, number),
      make("span", {}, name.title),
    );
    view.crop = make("canvas.crop", { width: 112, height: 84, "aria-hidden": "true" });
    view.row = makeRow(view, number, point);
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
    this.hits.append(...ordered.map((view) => view.hit));
    this.tags.append(...this.views.map((view) => view.tag));
    if (this.views.length <= 3) for (const view of this.views) view.row.open = true;
  }

  point(view) {
    this.pointed = view;
    this.light(view ?? this.pinned);
  }

  pin(view) {
    this.pinned = view;
    this.light(view);
    if (!view) return;
    view.row.open = true;
    view.row.scrollIntoView({ block: "nearest" });
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

  /**
   * Find a place for every name: above its box, in it or below, where it covers no other name.
   * Where there is none only the number is shown, and the name when the box is pointed at.
   */
  arrange() {
    const shown = this.views.filter((view) => view.shown);
    if (!shown.some((view) => view.hit.tabIndex === 0)) this.stop(shown[0]);
    if (this.active && !this.active.shown) this.light((this.pinned = this.pointed = null));
    const wide = this.stage.clientWidth;
    const high = this.stage.clientHeight;
    if (!wide || !high) return;
    for (const { tag } of shown) {
      tag.classList.remove("short", "off");
      style(tag, { left: "0", top: "0" }); // a place at the edge would squeeze it
    }
    for (const view of shown) {
      view.full = [view.tag.offsetWidth, view.tag.offsetHeight];
      view.short = view.tag.firstChild.offsetWidth;
    }
    const taken = [];
    const scale = wide / this.width; // the stage has the picture's shape
    for (const view of shown) {
      const [width, height] = view.full;
      const free = (spot) => spot.inside && !taken.some((other) => overlap(other, spot));
      const spots = (w) => places(view.object, w, height, scale, wide, high);
      const full = spots(width);
      // A long name over a small box on a small screen would hide more than it tells.
      const boxWide = (view.object.x2 - view.object.x1) * scale;
      const fits = width <= Math.max(1.2 * boxWide, 0.4 * wide);
      view.spot = (fits && full.find(free)) || spots(view.short).find(free);
      view.wide = full.find((spot) => spot.inside) ?? full[0];
      if (view.spot) taken.push(view.spot);
      this.place(view);
    }
  }

  place(view) {
    const active = view.tag.classList.contains("active");
    const spot = active ? view.wide : view.spot;
    view.tag.classList.toggle("off", !spot);
    view.tag.classList.toggle("short", !active && spot?.width === view.short);
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
function makeRow(view, number, point) {
  const { object, name } = view;
  const headline = [
    make("span.number", {}, number),
    view.crop,
    make("span", {}, make("span.title", {}, name.title), make("span.subtitle", {}, name.subtitle)),
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
  const bars = object.pred.map((text, i) =>
    make(
      "li",
      {},
      make("span", {}, text),
      make("span.share", {}, percent(object.prob[i])),
      style(make("span.bar", { "aria-hidden": "true" }), { "--share": object.prob[i] }),
    ),
  );
  if (name.how !== "sure") row.append(make("p.bars-name", {}, "Not sure. The nearest names:"));
  row.append(make("ol.bars", { role: "list" }, ...bars));
  return row;
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

// The same request from a terminal ----------------------------------------------------------

/** Quote for a POSIX shell. */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function showCurl({ pictures, parts, key }, path) {
  const lines = [`curl ${quote(new URL(path, document.baseURI).href)}`];
  if (key) lines.push('-H "x-api-key: $CARLENS_API_KEY"');
  for (const picture of pictures) {
    if (picture.address) {
      lines.push(`--form-string ${quote(`url=${picture.address}`)}`);
      continue;
    }
    // curl gives , ; and " in a file's name a meaning unless the name is in double quotes.
    const plain = /^[^",;\\]+$/.test(picture.name);
    const name = plain ? picture.name : `"${picture.name.replace(/["\\]/g, "\\$&")}"`;
    lines.push(`-F ${quote(`image=@${name}`)}`);
  }
  $("curl").textContent = lines.join(" \\\n  ");
  const notes = [];
  if (key) notes.push("Put your API key into the variable CARLENS_API_KEY first.");
  if (parts?.some((part) => part.scaled)) {
    notes.push("It sends the files as they are; this page sent some of them scaled down.");
  }
  $("curl-note").textContent = notes.join(" ");
}

async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copying is not allowed here";
  }
  setTimeout(() => (button.textContent = label), 2000);
}

// What runs ---------------------------------------------------------------------------------

function showModels(models) {
  const named = [models?.detector, models?.classifier].filter((model) => model?.name);
  if (!named.length) return;
  $("running").textContent = named
    .map(({ name, version }) => (version ? `${name} ${version}` : name))
    .join(", ");
}

async function loadModels() {
  const key = $("key").value.trim();
  const response = await fetch("models", { headers: key ? { "x-api-key": key } : {} });
  if (!response.ok) return;
  const models = await response.json();
  showModels(models);
  const limits = [models.classifier?.limits ?? []].flat().join(" ");
  $("knows").hidden = !limits;
  $("knows").lastElementChild.textContent = limits;
}

// Wiring ------------------------------------------------------------------------------------

$("files").addEventListener("change", ({ target }) => {
  addFiles(target.files);
  target.value = "";
});
$("add").addEventListener("click", takeField);
$("clear").addEventListener("click", () => {
  changeTray([], "All removed.");
  $("files").focus();
});
$("send").addEventListener("click", send);
$("cancel").addEventListener("click", () => cancel?.abort());
$("threshold").addEventListener("input", filter);
$("copy-curl").addEventListener("click", () => copy($("curl").textContent, $("copy-curl")));
$("key").addEventListener("change", () => loadModels().catch(() => {}));
for (const radio of document.querySelectorAll('input[name="mode"]')) {
  radio.addEventListener("change", showTray);
}

document.addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  const typing = event.target.closest?.("textarea, input");
  if (files.length) addFiles(files);
  else if (typing || addAddresses(event.clipboardData.getData("text")).length) return;
  event.preventDefault();
});

// The whole window takes drops: a photo let go beside the frame must not leave the page.
let over = 0;
const lit = (change) => {
  over = Math.max(0, over + change);
  $("drop").classList.toggle("over", over > 0);
  $("drop-title").textContent = over ? "Let go to add" : "Drop or paste photos here";
};
addEventListener("dragenter", () => lit(1));
addEventListener("dragleave", () => lit(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  lit(-over);
  const { items, files } = event.dataTransfer;
  const folders = [...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
  const photos = [...files].filter((file) => file.type || file.size % 4096);
  if (files.length) addFiles(folders ? photos : files);
  else addAddresses(event.dataTransfer.getData("text/uri-list").replace(/^#.*$/gm, ""));
  if (folders) say("Folders are not read: open the folder and drop its photos.");
});

showCurl(
  { pictures: [{ name: "street.jpg" }, { name: "parking.jpg" }] },
  `predict?format=detailed&confidence=${FLOOR}`,
);
showTray();
loadModels().catch(() => {}); // the line about the models is a courtesy; the page works without
