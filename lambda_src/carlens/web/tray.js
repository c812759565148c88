// The tray: the pictures to send, in order.

let tray = []; // {id, name, source, file | address}: file for image fields, address for url fields
let nextId = 1;

const mode = () => document.querySelector('input[name="mode"]:checked').value;

function addFiles(files) {
  const added = [...files].map((file) => ({
    id: nextId++,
    name: file.name || "picture",
    file,
    source: URL.createObjectURL(file),
  }));
  if (!added.length) return;
  changeTray([...tray, ...added]);
  say(() => plural(added.length, "{n} photo added.", "{n} photos added."));
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
  const added = lines.filter(isAddress).map((line) => ({
    id: nextId++,
    name: line,
    address: line,
    source: line,
  }));
  if (added.length) {
    changeTray([...tray, ...added]);
    say(() => plural(added.length, "{n} address added.", "{n} addresses added."));
  }
  return lines.filter((line) => !isAddress(line));
}

/** Move what the text field holds into the tray; what is no address stays there, with a word. */
function takeField() {
  const field = $("addresses");
  const rest = addAddresses(field.value);
  field.value = rest.join("\n");
  field.setAttribute("aria-invalid", String(rest.length > 0));
  $("addresses-problem").textContent = rest.length ? notAddresses(rest) : "";
  if (rest.length) field.focus();
  return rest.length === 0;
}

const notAddresses = ({ length }) =>
  plural(
    length,
    "This line is no address. An address begins with https:// or http://.",
    "These lines are no addresses. An address begins with https:// or http://.",
  );

function changeTray(pictures) {
  tray = pictures;
  const known = new Map([...$("tray").children].map((item) => [Number(item.dataset.id), item]));
  $("tray").replaceChildren(...tray.map((picture) => known.get(picture.id) ?? trayItem(picture)));
  showTray();
  forgetUnused();
}

function trayItem(picture) {
  const preview = make("span.thumb");
  const none = () => preview.replaceChildren(t(picture.file ? "No preview" : "Not shown"));
  preview.append(image(picture, "", none));
  return make(
    "li",
    { "data-id": picture.id, title: picture.name },
    preview,
    make("p.tray-name", {}, shortName(picture)),
    make("p.tray-size", {}, picture.file ? bytes(picture.file.size) : t("Address")),
    make("button.remove", {
      type: "button",
      "aria-label": t("Remove {name}", { name: shortName(picture) }),
      onclick: () => removePicture(picture),
    }),
  );
}

function removePicture(picture) {
  const at = tray.indexOf(picture);
  changeTray(tray.filter((other) => other !== picture));
  say(() => t("Removed {name}.", { name: shortName(picture) }));
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
  $("tray").hidden = tray.length === 0;
  $("example").hidden = tray.length > 0;
  $("clear").hidden = tray.length === 0 || cancel !== null;
  const nothing = !tray.length && !$("addresses").value.trim();
  const many = tray.length > MOST_PICTURES;
  $("send").setAttribute("aria-disabled", String(nothing || many || cancel !== null));
  const verb = MODES[mode()].verb;
  $("send").textContent = tray.length
    ? plural(tray.length, `${verb} in {n} picture`, `${verb} in {n} pictures`)
    : t(verb);
  $("size").hidden = !many && size <= MAX_BYTES;
  const large = "{size} in all. The large ones will be scaled down, as one request holds {most}.";
  $("size").textContent = many
    ? tooMany()
    : t(large, { size: bytes(size), most: bytes(MAX_BYTES) });
}

/** Give back the memory of pictures that nothing shows and no request will show. */
const held = new Set();
function forgetUnused() {
  const used = new Set(
    [...tray, ...sending, ...cards.map((card) => card.picture)].map((p) => p.source),
  );
  for (const picture of tray) if (picture.file) held.add(picture.source);
  for (const source of held) {
    if (used.has(source)) continue;
    URL.revokeObjectURL(source);
    held.delete(source);
  }
}
