// Wiring: controls, views and languages.

// What runs ---------------------------------------------------------------------------------

let models = null;

function showRunning(running) {
  const named = [running?.detector, running?.classifier].filter((model) => model?.name);
  if (!named.length) return;
  $("running").textContent = named
    .map(({ name, version }) => (version ? `${name} ${version}` : name))
    .join(", ");
}

/** The line about the models is a courtesy: the page works without. */
async function loadModels() {
  try {
    const response = await fetch("models", { headers: keyHeaders() });
    if (!response.ok) return;
    models = await response.json();
  } catch {
    return;
  }
  showRunning(models);
  const limits = [models.classifier?.limits ?? []].flat().join(" ");
  $("knows").hidden = !limits;
  $("knows").lastElementChild.textContent = limits;
}

// Views and languages -----------------------------------------------------------------------

// Both stand in the address, as in #fr/api, and nowhere else.
function readHash() {
  const words = location.hash.slice(1).split("/");
  const chosen = ["en", "fr"].find((code) => words.includes(code));
  const preferred = navigator.language.startsWith("fr") ? "fr" : "en";
  const other = Object.keys(VIEWS).find((name) => words.includes(name));
  const place = words[words.indexOf("api") + 1]; // as in #api/predict
  return { chosen: chosen ?? preferred, view: other ?? "photos", place };
}

// The title of each view, and where it has the API key.
const VIEWS = {
  photos: ["Carlens: see the vehicles in your photos", "options"],
  names: ["Carlens: names", "names-key"],
  api: ["Carlens: the API", "api-key"],
};

let view = "";

function follow() {
  const { chosen, view: next, place } = readHash();
  const moved = view !== next;
  const spoken = language !== chosen;
  view = next;
  setLanguage(chosen);
  const [title, keyPlace] = VIEWS[view];
  document.title = t(title);
  $("language").textContent = chosen === "fr" ? "English" : "Français";
  $("language").lang = chosen === "fr" ? "en" : "fr";
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of Object.keys(VIEWS)) document.getElementById(name).hidden = name !== view;
  document.getElementById(keyPlace).append($("key-panel"));
  $("english").hidden = chosen === "en";
  if (spoken || !shownOnce) redraw();
  if (view === "api") showContract().then(() => $(place)?.closest("#contract") && goTo(place));
  if (view === "names" && moved) match();
  if (moved && shownOnce) {
    scrollTo(0, 0);
    $(`${view}-title`).focus({ preventScroll: true });
  }
  shownOnce = true;
}

let shownOnce = false;

/** Say again in the other language all that was written since the page was opened. */
function redraw() {
  $("tray").replaceChildren();
  changeTray(tray);
  if (last) showAnswer(last.asked, last.answer);
  if (problem) showProblem(problem);
  showMatch();
  showFile();
  showSnippets();
  lit(0);
  say(said);
}

/** The language that the address names; without, the browser's holds. */
const saidLanguage = () => location.hash.match(/\b(en|fr)\b/)?.[0];

/** A plain hash would be a link to the base address; this stays on the page as it is. */
function goToView(chosen, next) {
  location.hash = [chosen, next === "photos" ? "" : next].filter(Boolean).join("/");
}

// Controls ----------------------------------------------------------------------------------

for (const input of [$("files"), $("camera")]) {
  input.addEventListener("change", () => {
    addFiles(input.files);
    input.value = "";
  });
}
$("drop").addEventListener("click", (event) => {
  if (!event.target.closest("label, input, button")) $("files").click();
});
$("example").addEventListener("click", () => {
  const [, data] = $("example").firstElementChild.src.split(",");
  const content = Uint8Array.from(atob(data), (byte) => byte.charCodeAt(0));
  addFiles([new File([content], "example.webp", { type: "image/webp" })]);
  send();
});
$("add").addEventListener("click", takeField);
$("addresses").addEventListener("input", () => {
  $("addresses").removeAttribute("aria-invalid");
  $("addresses-problem").textContent = "";
  showTray();
});
$("clear").addEventListener("click", () => {
  changeTray([]);
  say(() => t("All removed."));
  $("files").focus();
});
$("send").addEventListener("click", send);
$("cancel").addEventListener("click", () => cancel?.abort());
$("threshold").addEventListener("input", filter);
$("copy-json").addEventListener("click", () => copy(toJson(), $("copy-json")));
$("save-csv").addEventListener("click", saveCsv);
$("copy-snippet").addEventListener("click", () =>
  copy($("snippet").textContent, $("copy-snippet")),
);
for (const input of [$("make"), $("model")]) input.addEventListener("input", matchSoon);
$("table").addEventListener("change", () => {
  match();
  if (fileAsked) matchFile(fileAsked.file);
});
$("rows").addEventListener("change", () => {
  const [file] = $("rows").files;
  if (file) matchFile(file);
  $("rows").value = "";
});
$("save-rows").addEventListener("click", saveRows);
$("key").addEventListener("change", () => {
  loadModels();
  if (view === "api" && !contract) showContract();
  if (view === "names") match();
});
for (const radio of document.querySelectorAll('input[name="mode"]')) {
  radio.addEventListener("change", showTray);
}
for (const link of document.querySelectorAll("[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    goToView(saidLanguage(), link.dataset.view);
  });
}
$("language").addEventListener("click", () => {
  goToView(language === "fr" ? "en" : "fr", view);
});
addEventListener("hashchange", follow);

document.addEventListener("paste", (event) => {
  if (view !== "photos") return;
  const { files } = event.clipboardData;
  const typing = event.target.closest?.("textarea, input");
  if (!files.length && typing) return;
  const rest = files.length ? addFiles(files) : addAddresses(event.clipboardData.getData("text"));
  if (rest?.length) say(() => notAddresses(rest));
  event.preventDefault();
});

// The whole window takes drops: a photo let go beside the frame must not leave the page.
let over = 0;
const lit = (change) => {
  over = Math.max(0, over + change);
  $("drop").classList.toggle("over", over > 0);
  $("drop-title").textContent = t(over ? "Let go to add" : "Drop or paste photos here");
};
addEventListener("dragenter", () => lit(1));
addEventListener("dragleave", () => lit(-1));
const inField = (event) => view === "api" && event.target.closest?.('input[type="file"]');
addEventListener("dragover", (event) => {
  if (!inField(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  lit(-over);
  if (inField(event)) return;
  event.preventDefault();
  if (view !== "photos") return;
  const { items, files } = event.dataTransfer;
  const folders = [...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
  const photos = [...files].filter((file) => file.type || file.size % 4096);
  if (files.length) addFiles(folders ? photos : files);
  else addAddresses(event.dataTransfer.getData("text/uri-list").replace(/^#.*$/gm, ""));
  if (folders) say(() => t("Folders are not read: open the folder and drop its photos."));
});

tabs([...document.querySelectorAll('[role="tab"]')], (tab) => {
  snippetIn = tab.id.replace("tab-", "");
  showSnippets();
});
findWritten();
follow();
loadModels();
