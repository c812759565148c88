// What a person takes away: the answer as JSON, what is shown as CSV, a picture with its boxes.

const COLUMNS = [
  ["picture", "index", "width", "height", "x1", "y1", "x2", "y2", "class", "confidence"],
  ["name", "probability", "certain", "make", "make_probability", "error"],
].flat();

/** What the filters show, a row an object; a picture that failed has a row that says why. */
function toCsv() {
  const rows = cards.flatMap(({ picture, entry, views, failed }, index) => {
    const about = [picture.name, index, entry?.width, entry?.height];
    if (failed) return [[...about, ...Array(11).fill(""), entry?.error?.code ?? "missing"]];
    return views
      .filter((view) => view.shown)
      .map(({ object: o }) => [
        ...about,
        ...[o.x1, o.y1, o.x2, o.y2, o.class_name, o.confidence],
        ...[o.pred?.[0], o.prob?.[0], o.certain, o.make?.name, o.make?.prob, ""],
      ]);
  });
  // The mark at the start tells Excel that this is UTF-8.
  return `\ufeff${[COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("")}`;
}

function cell(value) {
  let text = String(value ?? "");
  // A spreadsheet would run a file's name that begins like a formula.
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const saveCsv = () => save(new Blob([toCsv()], { type: "text/csv" }), "carlens.csv");
const toJson = () => JSON.stringify(last.answer, null, 2);

async function savePicture(card, word) {
  const name = `${shortName(card.picture).replace(/\.\w+$/, "")}-carlens.png`;
  const photo = await readable(card);
  const alone = card.picture.file
    ? "{name} saved, with the boxes alone: this browser cannot show this file."
    : "{name} saved, with the boxes alone: this page may not copy a picture of that site. For both in one, save the picture and send its file.";
  const blob = await annotate(card, photo);
  if (blob) save(blob, name);
  word.textContent = blob
    ? t(photo ? "{name} saved." : alone, { name })
    : t("The PNG could not be made: the picture is too large for this browser.");
}

const COLORS = {
  sure: { line: "#2df5dc", paper: "#2df5dc", ink: "#03201d" },
  likely: { line: "#2df5dc", paper: "#eafffb", ink: "#03201d" },
  kind: { line: "#ffffff", paper: "rgb(10 16 18 / 82%)", ink: "#ffffff" },
};
const WEIGHTS = { sure: "600", likely: "italic 600", kind: "500" };
const fontOf = ({ how }, unit) => `${WEIGHTS[how]} ${13 * unit}px system-ui, sans-serif`;
const CANVAS_PIXELS = 16_000_000; // what a canvas holds on every phone

/** Draw the boxes and names that are shown as a PNG: on the photo, or on nothing without one. */
async function annotate({ entry, views }, photo) {
  const [naturalWide, naturalHigh] = photo
    ? [photo.naturalWidth, photo.naturalHeight]
    : [entry.width, entry.height];
  const shrunk = Math.min(1, Math.sqrt(CANVAS_PIXELS / (naturalWide * naturalHigh)));
  const wide = Math.round(naturalWide * shrunk);
  const high = Math.round(naturalHigh * shrunk);
  const canvas = make("canvas", { width: wide, height: high });
  const pen = canvas.getContext("2d");
  if (photo) pen.drawImage(photo, 0, 0, wide, high);

  const scale = wide / entry.width;
  const unit = Math.max(1, Math.max(wide, high) / 1000);
  const shown = views.filter((view) => view.shown);
  for (const { object: o, name } of shown) {
    const box = [o.x1 * scale, o.y1 * scale, (o.x2 - o.x1) * scale, (o.y2 - o.y1) * scale];
    const thick = (name.how === "kind" ? 1.5 : 2.25) * unit;
    pen.setLineDash([]);
    pen.strokeStyle = "rgb(0 0 0 / 75%)";
    pen.lineWidth = thick + 2.5 * unit;
    pen.strokeRect(...box);
    pen.setLineDash(name.how === "likely" ? [7 * unit, 5 * unit] : []);
    pen.strokeStyle = COLORS[name.how].line;
    pen.lineWidth = thick;
    pen.strokeRect(...box);
  }
  pen.textBaseline = "middle";
  // On copies: the screen keeps its own places.
  const names = shown.map(({ object, name, number }) => {
    pen.font = fontOf(name, unit);
    const width = (text) => pen.measureText(text).width + 10 * unit;
    const text = `${number} ${name.title}`;
    return {
      ...{ object, name, number, text },
      size: { full: width(text), short: width(number), height: 20 * unit },
    };
  });
  placeNames(names, scale, wide, high);
  for (const { name, number, text, spot, size } of names) {
    if (!spot) continue;
    pen.font = fontOf(name, unit);
    pen.fillStyle = COLORS[name.how].paper;
    pen.fillRect(spot.x, spot.y, spot.width, spot.height);
    pen.fillStyle = COLORS[name.how].ink;
    const said = spot.width === size.full ? text : number;
    pen.fillText(said, spot.x + 5 * unit, spot.y + spot.height / 2);
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** The photo to draw on; null where the browser cannot show it, or its site lets no page read it. */
async function readable({ picture, photo }) {
  const source = picture.file ? photo : new Image();
  if (picture.address) {
    source.crossOrigin = "anonymous";
    source.referrerPolicy = "no-referrer";
    source.src = picture.address;
  }
  return source.decode().then(
    () => source,
    () => null,
  );
}
