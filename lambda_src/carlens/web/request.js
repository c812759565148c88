// One request at a time: what is sent, how far it is, what came of it.

// API Gateway hands a function 6 MB of event, base64 included: about 4.5 MB of form.
const MAX_BYTES = 4_500_000;
const MOST_PICTURES = 32;
const MOST_PIXELS = 50_000_000; // of one picture
const MOST_SIDE = 20_000;
const PART_BYTES = 300; // the headers of one form part, generously
const SIDES = [1600, 1280, 1024, 800, 640, 512, 400, 320]; // longest side in pixels, when shrinking
const FLOOR = 0.2; // the weakest detection asked for; the slider filters from here without asking

const MODES = {
  predict: {
    found: ["{n} vehicle", "{n} vehicles", "No vehicle"],
    none: "No vehicle found in this picture: no car and no truck. Buses, motorcycles and bicycles are among “All objects”.",
    verb: "Find the vehicles",
  },
  object_detection: {
    found: ["{n} object", "{n} objects", "No object"],
    none: "Nothing found in this picture that the detector knows.",
    verb: "Find the objects",
  },
};

const UNREACHED = "The server could not be reached. Check the connection and try again.";

let cancel = null; // AbortController of the request under way
let sending = []; // its pictures
let problem = null; // what went wrong with the last one
let said = () => "";

/** Say what goes on; it takes a function, to say it again in the other language. */
function say(words) {
  said = words;
  $("status").textContent = words();
}

/**
 * Decide what is sent for each picture: its file as it is, or scaled down where it has too many
 * pixels, or where all together are too large: the largest first, and no more than must be.
 */
async function fit(pictures, signal) {
  const parts = pictures.map((picture) => ({ picture, blob: picture.file, scaled: null }));
  const room = MAX_BYTES - total(pictures.map((p) => PART_BYTES + 3 * p.name.length));
  const files = parts.filter((part) => part.blob);
  const size = (some = files) => total(some.map((part) => part.blob.size));
  for (const part of files) {
    if (await isVast(part.picture)) await shrink(part, SIDES[0]);
    signal.throwIfAborted();
  }
  for (let step = 0; step < SIDES.length; ) {
    files.sort((a, b) => b.blob.size - a.blob.size);
    for (const [i, part] of files.entries()) {
      if (size() <= room) return parts;
      say(() => t("Scaling down picture {i} of {n}…", { i: i + 1, n: files.length }));
      await shrink(part, SIDES[step]);
      signal.throwIfAborted();
      if (size(files.filter(({ stuck }) => stuck)) > room) throw tooLarge(files);
    }
    if (size() <= room) return parts;
    // Bytes grow about as the square of the side: skip the steps that cannot fit.
    const likely = SIDES[step] * Math.sqrt(room / size()) * 1.1;
    do step += 1;
    while (step < SIDES.length - 1 && SIDES[step] > likely);
  }
  throw tooLarge(files);
}

/** Say what does not fit: the file that could not be made smaller, if there is one. */
function tooLarge(files) {
  const stuck = files.find((part) => part.stuck);
  if (!stuck) {
    return new Problem(
      "These pictures are more than {most} even when scaled down. Send fewer at once, or smaller ones.",
      { values: { most: bytes(MAX_BYTES) } },
    );
  }
  return new Problem(
    "{name} ({size}) cannot be scaled down by this browser; convert it to JPEG or remove it.",
    { values: { name: stuck.picture.name, size: bytes(stuck.blob.size) } },
  );
}

/** Whether a picture has more pixels than are taken, as far as this browser can tell. */
async function isVast({ source }) {
  const photo = new Image();
  photo.src = source;
  await new Promise((done) => (photo.onload = photo.onerror = done));
  const [wide, high] = [photo.naturalWidth, photo.naturalHeight];
  return wide * high > MOST_PIXELS || Math.max(wide, high) > MOST_SIDE;
}

/** Re-encode one picture with its longest side at most `side`, when that makes it smaller. */
async function shrink(part, side) {
  const file = part.picture.file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    part.stuck = true; // not a picture for this browser; the server may know better
    return;
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

/** An entry of the answer in pixels of the original, where a smaller copy of it was sent. */
function mapBack(entry, scaled) {
  if (!scaled || !entry?.width) return entry;
  const [width, height] = scaled.from;
  const across = (x) => Math.min(width, Math.round((x * width) / entry.width));
  const down = (y) => Math.min(height, Math.round((y * height) / entry.height));
  const objects = entry.objects.map((object) => ({
    ...object,
    x1: across(object.x1),
    y1: down(object.y1),
    x2: across(object.x2),
    y2: down(object.y2),
  }));
  return { ...entry, width, height, objects };
}

/** What went wrong with the whole request, in words for the person. */
class Problem extends Error {
  constructor(message, { status = 0, code = "", reference = "", values = {} } = {}) {
    super(message);
    Object.assign(this, { status, code, reference, values });
  }
}

async function send() {
  if (cancel || !takeField()) return;
  if (!tray.length) return say(() => t("Add a photo or an address first."));
  if (tray.length > MOST_PICTURES) return say(tooMany);
  const pictures = tray;
  const asked = { mode: mode(), pictures, headers: keyHeaders() };
  asked.path = `${asked.mode}?format=detailed&confidence=${FLOOR}`;
  cancel = new AbortController();
  sending = pictures;
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
    const { status, text } = await post(asked.path, form, asked.headers, signal);
    asked.elapsed = performance.now() - started;
    showSnippets(asked);
    const answer = read(status, text);
    answer.images = asked.parts.map(({ scaled }, i) => mapBack(answer.images[i], scaled));
    showAnswer(asked, answer);
  } catch (error) {
    if (signal.aborted) return end(() => t("Canceled."));
    end(() => "");
    return showProblem(error);
  }
  // Who went on to something else meanwhile stays there, and hears that it is done.
  const waited = [$("send"), $("cancel"), document.body].includes(document.activeElement);
  end(() => t("Done."));
  if (!waited) return;
  $("results-title").focus({ preventScroll: true });
  $("results").scrollIntoView();
}

const tooMany = () =>
  t("One request takes {most} pictures: remove {n}.", {
    most: MOST_PICTURES,
    n: tray.length - MOST_PICTURES,
  });

function begin() {
  showProblem(null);
  $("cancel").hidden = false;
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  showTray();
}

function end(words) {
  clearInterval(clock);
  $("clock").textContent = "";
  cancel = null;
  sending = [];
  forgetUnused();
  if (document.activeElement === $("cancel")) $("send").focus();
  $("cancel").hidden = true;
  $("progress").hidden = true;
  showTray();
  say(words);
}

/** POST the form. fetch cannot tell how much is sent, so this is XMLHttpRequest. */
function post(path, form, headers, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total: all }) => {
      $("progress").max = all;
      $("progress").value = loaded;
      $("clock").textContent = t("{sent} of {all}", { sent: bytes(loaded), all: bytes(all) });
    };
    request.upload.onload = waiting;
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () => reject(new Problem(UNREACHED));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    say(() => t("Sending…"));
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
  say(() => t("Looking at the pictures…"));
  clearInterval(clock);
  clock = setInterval(tick, 1000);
  tick();
}

const hasImages = (answer) => Array.isArray(answer?.images);

/** The answer, or the Problem it tells of. */
function read(status, text, isAnswer = hasImages) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // The message below says it.
  }
  if (status >= 200 && status < 300 && isAnswer(answer)) return answer;
  const { code, message, request_id: reference } = answer?.error ?? answer ?? {};
  const words = typeof message === "string" ? message : status >= 400 ? text.slice(0, 300) : "";
  throw new Problem(words || "The server's answer could not be understood.", {
    status,
    code,
    reference,
  });
}

function showProblem(error) {
  problem = error;
  $("problem").hidden = !error;
  if (!error) return;
  const below = t("The results below are from the request before.");
  $("problem").replaceChildren(...explain(error, cards.length ? below : ""));
  $("problem").scrollIntoView({ block: "nearest" });
}

/** What went wrong and what to do about it, as paragraphs. */
function explain(error, note = "") {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  const { status = 0, reference = "", values, code } = error;
  const words = known
    ? t(error.message, values)
    : t("Something in this page broke. Reload it and try again.");
  const french = language === "fr" && FRENCH_ERRORS[code];
  const locked = status === 401 || status === 403;
  if (locked) $("key-panel").open = true;
  const hint = "If this API asks for a key, enter it under “API key” and try again.";
  const facts = [
    status ? `HTTP ${status}` : "",
    reference ? t("request {id}", { id: reference }) : "",
  ];
  const shown = facts.filter(Boolean).join(", ");
  return [
    make("p", {}, make("strong", {}, t("The request failed.")), " ", french || words),
    french ? make("p", { lang: "en" }, words) : null,
    locked ? make("p", {}, t(hint)) : null,
    note ? make("p", {}, note) : null,
    shown ? make("p.reference", {}, shown) : null,
  ].filter(Boolean);
}
