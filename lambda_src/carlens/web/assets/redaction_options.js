// The controls of redaction: what to redact, how, and the format of the redacted photos.

/** @import { Message, Photo } from "./types" */
import { $, make } from "./dom.js";
import { onLanguageChange, t, translated } from "./i18n.js";
import { chooseRedaction, photos } from "./session.js";

/** @type {[string, Message][]} */
const TARGETS = [
  ["plates", "License plates"],
  ["faces", "Faces"],
  ["people", "People"],
];
/** @type {[string, Message][]} */
const STYLES = [
  ["fill", "Black"],
  ["pixelate", "Pixelated"],
  ["blur", "Blurred"],
];
/** @type {[string, Message][]} */
const OUTPUTS = [
  ["jpeg", "JPEG"],
  ["png", "PNG"],
  ["webp", "WebP"],
  ["same", "As sent"],
];

const kept = new URLSearchParams(photos.findLast(wasRedacted)?.findings.anonymize?.query);
const targets = kept.get("redact") ?? "plates,faces";
const style = kept.get("style") ?? "fill";

const boxes = TARGETS.map(([value, name]) => choice("checkbox", "redact", value, name));
const radios = STYLES.map(([value, name]) => choice("radio", "style", value, name));
const outputs = OUTPUTS.map(([value]) => make("option", { value }));
const output = make("select", { id: "output" }, ...outputs);
const warning = make(
  "p.hint.caution",
  {},
  translated(
    "span",
    "Pixelated and blurred regions keep average colors, and several photos of the same plate say more than one. Where something must not be known, use black.",
  ),
);

for (const { input } of boxes) input.checked = targets.split(",").includes(input.value);
for (const { input } of radios) input.checked = input.value === style;
output.value = kept.get("output") ?? "jpeg";

/** @param {Photo} photo */
function wasRedacted({ findings }) {
  return Boolean(findings.anonymize?.query);
}

/**
 * @param {"checkbox" | "radio"} type
 * @param {string} name
 * @param {string} value
 * @param {Message} title
 */
function choice(type, name, value, title) {
  const input = make("input", { type, name, value });
  return { input, label: make("label", {}, input, translated("span", title)) };
}

function choose() {
  const redact = boxes.filter(({ input }) => input.checked).map(({ input }) => input.value);
  const chosen = radios.find(({ input }) => input.checked)?.input.value ?? "fill";
  warning.hidden = chosen === "fill";
  chooseRedaction(
    redact.length ? `redact=${redact.join(",")}&style=${chosen}&output=${output.value}` : "",
  );
}

$("redaction").append(
  make(
    "div.options",
    {},
    make(
      "fieldset.checks",
      {},
      make("legend.field-name", {}, translated("span", "Redact")),
      ...boxes.map(({ label }) => label),
    ),
    make(
      "fieldset.switch",
      {},
      make("legend.field-name", {}, translated("span", "Regions become")),
      make("span.choices", {}, ...radios.map(({ label }) => label)),
    ),
    make("label.field.output", {}, translated("span.field-name", "Format"), output),
  ),
  warning,
);
$("redaction").addEventListener("change", choose);

function nameOutputs() {
  for (const [i, [, name]] of OUTPUTS.entries()) outputs[i].textContent = t(name);
}

onLanguageChange(nameOutputs);
nameOutputs();
choose();
