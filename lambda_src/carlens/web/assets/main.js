// The entry point: views, languages, and the controls that add and send photos.

/** @import { Models } from "./types" */
import { anonymizes, keyHeaders, takesUrls, useClasses, useHealth, useMakes } from "./client.js";
import { $, make } from "./dom.js";
import {
  labelDocument,
  language,
  languages,
  modelLimits,
  onLanguageChange,
  plural,
  setLanguage,
  t,
} from "./i18n.js";
import { goToResults, mode, photos, removePhotos, sessionChanged, waiting } from "./session.js";
import { refreshSnippets } from "./snippets.js";
import { announce, explain, showModels, showProblem } from "./status.js";
import { addFiles, addUrls, notUrls, showTray, takeUrls } from "./tray.js";

// Models ------------------------------------------------------------------------------------

/** @type {Models | null} */
let models = null;

/** Load what is known about the models. The page works without it. */
async function loadModels() {
  try {
    const response = await fetch("models", { headers: keyHeaders() });
    if (!response.ok) return;
    models = await response.json();
  } catch {
    return;
  }
  useClasses(models?.predict?.classes ?? []);
  useMakes(models?.classifier?.makes ?? []);
  refreshSnippets();
  showModels(models ?? {});
  showCoverage();
}

/** Load the limits of the API. Without them, the API refuses what is too large. */
async function loadHealth() {
  try {
    const response = await fetch("health");
    useHealth(await response.json());
  } catch {
    return;
  }
  $("urls-field").hidden = !takesUrls;
  $("anonymize").hidden = !anonymizes;
  showTray();
  refreshSnippets();
}

/** Show what the classifier names. Its limits are translated if the model comes with Carlens. */
function showCoverage() {
  const classifier = models?.classifier;
  const translation = modelLimits(classifier?.name ?? "");
  const limits = [classifier?.limits ?? []].flat().join(" ");
  const element = /** @type {HTMLElement} */ ($("limits").lastElementChild);
  element.lang = translation ? language : "en";
  element.textContent = translation ?? limits;
  const { classes = [], makes = [] } = classifier ?? {};
  const cars = plural(classes.length, "{n} car", "{n} cars");
  $("known-title").textContent = makes.length
    ? t("{cars} in {makes}", { cars, makes: plural(makes.length, "{n} make", "{n} makes") })
    : cars;
  $("limits").hidden = !limits;
  $("known").hidden = !classes.length;
  $("knows").hidden = !limits && !classes.length;
  $("names-cars").hidden = models?.classifier === null;
}

onLanguageChange(showCoverage);

/** List the cars that the classifier was taught; the code for that is loaded when it is opened. */
async function showKnown() {
  if (!$("known").open || !models?.classifier) return;
  try {
    const known = await import("./known.js");
    known.listCars(models.classifier);
  } catch (error) {
    $("known-count").replaceChildren(...explain(error));
  }
}

$("known").addEventListener("toggle", showKnown);

// Views and languages -----------------------------------------------------------------------

/** The title of each view, and where it shows the API key. */
const VIEWS = /** @type {const} */ ({
  photos: ["Carlens: see the vehicles in your photos", "options"],
  names: ["Carlens: names", "names-key"],
  api: ["Carlens: the API", "api-key"],
});

/** @typedef {keyof typeof VIEWS} ViewName */

const viewNames = /** @type {ViewName[]} */ (Object.keys(VIEWS));
const viewLinks = [...document.querySelectorAll("a")].filter((link) => link.dataset.view);

/** @type {ViewName | ""} */
let view = "";

/** Read view and language from the address, as in `#fr/api/predict`. They are kept nowhere else. */
function readHash() {
  const words = location.hash.slice(1).split("/");
  const preferred = languages.find((code) => navigator.language.startsWith(code)) ?? "en";
  return {
    chosen: hashLanguage() ?? preferred,
    next: viewNames.find((name) => words.includes(name)) ?? "photos",
    section: words[words.indexOf("api") + 1],
  };
}

/** Return the language in the address; without one, the browser's preference applies. */
function hashLanguage() {
  const words = location.hash.slice(1).split("/");
  return languages.find((code) => words.includes(code));
}

/** Show what the address asks for. */
async function navigate() {
  const { chosen, next, section } = readHash();
  const first = view === "";
  const moved = view !== next;
  view = next;
  showView();
  if (moved && !first) {
    scrollTo(0, 0);
    document.getElementById(`${view}-title`)?.focus({ preventScroll: true });
  }
  await setLanguage(chosen).catch(showProblem);
  if (view === "api") showApi(section);
  if (view === "names" && moved) showNames();
}

function showView() {
  const [title, keyPlace] = VIEWS[view || "photos"];
  document.title = t(title);
  $("language").value = language;
  for (const link of viewLinks) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of viewNames) $(name).hidden = name !== view;
  $(keyPlace).append($("key-panel"));
  $("english").hidden = language === "en";
}

onLanguageChange(showView);

for (const code of languages) {
  const name = new Intl.DisplayNames(code, { type: "language" }).of(code) ?? code;
  const title = name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
  $("language").append(make("option", { value: code, lang: code }, title));
}

/** Show the match for the name that is written; the code for that is loaded when it is first used. */
async function showNames() {
  try {
    const names = await import("./names.js");
    names.matchName();
  } catch (error) {
    $("match").replaceChildren(...explain(error));
  }
}

/**
 * Show the API view; its code is loaded when it is first opened.
 *
 * @param {string} [section] What to go to.
 */
async function showApi(section = "") {
  try {
    const api = await import("./api.js");
    await healthLoaded;
    await api.showContract((id) => setHash(hashLanguage(), `api/${id}`));
    if (section) api.goTo(section);
  } catch (error) {
    $("contract").replaceChildren(...explain(error));
  }
}

/**
 * Change the address. A link could not: with a base element, `#names` belongs to the base URL.
 *
 * @param {string | undefined} chosen
 * @param {string} place
 */
function setHash(chosen, place) {
  location.hash = [chosen, place === "photos" ? "" : place].filter(Boolean).join("/");
}

for (const link of viewLinks) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    setHash(hashLanguage(), link.dataset.view ?? "");
  });
}
$("language").addEventListener("change", () => setHash($("language").value, view));
$("key").addEventListener("change", () => {
  loadModels();
  if (view === "api") showApi();
  if (view === "names") showNames();
});
addEventListener("hashchange", navigate);

// Adding and sending photos -----------------------------------------------------------------

/** Send the photos; the code for that is loaded with the first request. */
async function send() {
  try {
    const queue = await import("./queue.js");
    if (mode() === "anonymize") await import("./redacted.js");
    await healthLoaded;
    await queue.start();
  } catch (error) {
    showProblem(error);
  }
}

for (const input of [$("files"), $("camera")]) {
  const take = () => {
    addFiles(input.files ?? []);
    input.value = "";
  };
  input.addEventListener("change", take);
  take(); // photos may have been chosen while this script was loading
}
$("drop").addEventListener("click", ({ target }) => {
  if (target instanceof Element && !target.closest("label, input, button")) $("files").click();
});
/** @param {string} name */
async function sendExample(name) {
  try {
    const examples = await import("./examples.js");
    addFiles([await examples.loadExample(name)]);
  } catch (error) {
    showProblem(error);
    return;
  }
  await send();
}

for (const button of document.querySelectorAll("button.example")) {
  const { value } = /** @type {HTMLButtonElement} */ (button);
  button.addEventListener("click", () => sendExample(value));
}
$("add").addEventListener("click", takeUrls);
$("urls").addEventListener("input", () => {
  $("urls").removeAttribute("aria-invalid");
  $("urls-problem").textContent = "";
  showTray();
});
$("clear").addEventListener("click", () => {
  removePhotos(waiting());
  announce(() => t("All photos removed."));
  $("files").focus();
});
$("send").addEventListener("click", send);

/** Show the controls and results of the mode; the code for redaction is loaded when it is chosen. */
async function changeMode() {
  const redacting = mode() === "anonymize";
  $("photos").classList.toggle("redacting", redacting);
  sessionChanged();
  if (!redacting) return;
  try {
    await import("./redacted.js");
  } catch (error) {
    showProblem(error);
  }
}

for (const radio of document.querySelectorAll('input[name="mode"]')) {
  radio.addEventListener("change", changeMode);
}

document.addEventListener("paste", (event) => {
  if (view !== "photos" || !event.clipboardData) return;
  const { files } = event.clipboardData;
  const typing = event.target instanceof Element && event.target.closest("textarea, input");
  if (!files.length && typing) return;
  event.preventDefault();
  if (files.length) return addFiles(files);
  const rest = addUrls(event.clipboardData.getData("text"));
  if (rest.length) announce(() => notUrls(rest.length));
});

// The whole window accepts drops: a photo dropped next to the frame must not replace the page.
let depth = 0; // how many nested elements the dragged files are over

/** @param {number} change */
function highlightDrop(change) {
  depth = Math.max(0, depth + change);
  $("drop").classList.toggle("over", depth > 0);
  $("drop-title").textContent = t(depth ? "Drop to add" : "Drop or paste photos here");
}

/** @param {DragEvent} event */
const isOverFileInput = ({ target }) =>
  view === "api" && target instanceof Element && target.closest('input[type="file"]');

addEventListener("dragenter", () => highlightDrop(1));
addEventListener("dragleave", () => highlightDrop(-1));
addEventListener("dragover", (event) => {
  if (!isOverFileInput(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  highlightDrop(-depth);
  if (isOverFileInput(event)) return;
  event.preventDefault();
  if (view === "photos" && event.dataTransfer) addDropped(event.dataTransfer);
});
onLanguageChange(() => highlightDrop(-depth));

/** @param {DataTransfer} dropped */
function addDropped(dropped) {
  const { items, files } = dropped;
  const folders = [...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
  const photos = [...files].filter((file) => file.type || file.size % 4096);
  if (files.length) addFiles(folders ? photos : files);
  else addUrls(dropped.getData("text/uri-list").replace(/^#.*$/gm, ""));
  if (folders) {
    announce(() => t("Folders are not supported. Open the folder and drop its photos."));
  }
}

/** Bring back the session of the last visit, and its results. */
async function loadSession() {
  try {
    const storage = await import("./storage.js");
    await storage.keepSession();
    if (photos.length) await import("./queue.js");
    await healthLoaded;
    goToResults();
    await changeMode(); // the browser may have kept the choice
  } catch {
    return; // nothing is kept
  }
}

labelDocument();
navigate();
const healthLoaded = loadHealth();
loadModels();
loadSession();
