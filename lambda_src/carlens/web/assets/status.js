// What the page tells its user: the status line, errors, the models, what was copied.

/** @import { Message, Model, Models } from "./types" */
import { ApiError } from "./client.js";
import { $, make } from "./dom.js";
import { errorMessage, onLanguageChange, t, writeLabels } from "./i18n.js";

let status = () => "";

/**
 * Show a message in the status line.
 *
 * @param {() => string} message Called again when the language changes.
 */
export function announce(message) {
  status = message;
  $("status").textContent = message();
}

/** @type {unknown} */
let problem = null;

/**
 * Show what went wrong with a request for photos, above its results.
 *
 * @param {unknown} error null hides the message.
 */
export function showProblem(error) {
  problem = error;
  $("problem").hidden = !error;
  if (!error) return;
  $("problem").replaceChildren(...explain(error));
  $("problem").scrollIntoView({ block: "nearest" });
}

/**
 * Explain an error and what to do about it. After a bug, or when a part of the page could not be
 * loaded, that is a reload: photos and results are kept, and the address says what is shown.
 *
 * @param {unknown} error An `ApiError`; anything else is a bug in this page.
 * @returns {HTMLElement[]} Paragraphs, and the button that reloads the page.
 */
export function explain(error) {
  if (error instanceof ApiError) return explainApiError(error);
  console.error(error);
  const message = "Something went wrong on this page. Reload it and try again.";
  const reload = make("button.button.small", { type: "button" }, t("Reload the page"));
  reload.addEventListener("click", () => location.reload());
  return [...explainApiError(new ApiError(message)), reload];
}

/** @param {ApiError} error */
function explainApiError({ message, status, code, requestId, values }) {
  const english = t(/** @type {Message} */ (message), values);
  const translation = errorMessage(code);
  const locked = status === 401 || status === 403;
  if (locked) $("key-panel").open = true;
  const hint = locked
    ? t("If this API requires a key, enter it under “API key” and try again.")
    : "";
  const facts = [
    status ? `HTTP ${status}` : "",
    requestId ? t("request {id}", { id: requestId }) : "",
  ].filter(Boolean);
  /** @type {[string, Record<string, string>, string | undefined][]} */
  const rest = [
    ["p", { lang: "en" }, translation && english],
    ["p", {}, hint],
    ["p.reference", {}, facts.join(", ")],
  ];
  return [
    make("p", {}, make("strong", {}, t("The request failed.")), " ", translation ?? english),
    ...rest.flatMap(([tag, attributes, text]) => (text ? [make(tag, attributes, text)] : [])),
  ];
}

/**
 * Show the names and versions of the models that answer.
 *
 * @param {Models | undefined} models
 */
export function showModels(models) {
  /** @type {Model[]} */
  const named = Object.values(models ?? {}).filter((model) => model?.name);
  if (!named.length) return;
  $("running").textContent = named
    .map(({ name, version }) => [name, version].filter(Boolean).join(" "))
    .join(", ");
}

/**
 * Copy a text to the clipboard, and say so on the button for two seconds.
 *
 * @param {string} text
 * @param {HTMLElement} button
 */
export async function copy(text, button) {
  const copied = await toClipboard(text);
  const outcome = () => t(copied ? "Copied" : "Copying is not allowed here");
  // The text node stays, since a change of language writes its label into it.
  /** @type {Text} */ (button.firstChild).data = outcome();
  announce(outcome);
  setTimeout(writeLabels, 2000);
}

/** @param {string} text */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard API needs https or localhost; the old command works everywhere.
    const field = make("textarea.unseen", { "aria-hidden": "true" });
    field.value = text;
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}

onLanguageChange(() => {
  if (problem) showProblem(problem);
  announce(status);
});
