// The user's word about a vehicle: its name is right, it is another one, or it is not a vehicle.

/** @import { Correction, Detection, Message, Naming, OnCorrect } from "./types" */
import { taughtMakes } from "./client.js";
import { make } from "./dom.js";
import { fullName, t } from "./i18n.js";
import { photos } from "./session.js";
import { plainName, sameName, spell, withoutMake } from "./spelling.js";

let nextId = 1;

/**
 * Make the controls below an object: buttons, and a form for another name.
 *
 * @param {Detection} object
 * @param {Naming} name
 * @param {OnCorrect} oncorrect
 */
export function makeCorrector(object, name, oncorrect) {
  /** @type {(label: string, onclick: () => void) => HTMLButtonElement} */
  const button = (label, onclick) =>
    make("button.button.small", { type: "button", onclick }, label);
  /** @param {Correction["verdict"]} verdict */
  const dismiss = (verdict) => oncorrect(object, { verdict, make: "", model: "" });
  const proposed = proposal(object);
  const open = () => {
    const form = makeForm(object, oncorrect, () => {
      form.replaceWith(buttons);
      edit.focus();
    });
    buttons.replaceWith(form);
    form.querySelector("input")?.focus();
    form.scrollIntoView({ block: "nearest" });
  };
  const edit = button(t(object.correction ? "Change" : "Correct the name"), open);
  const others = object.correction
    ? [button(t("Undo the correction"), () => oncorrect(object))]
    : [button(t("Not a vehicle"), () => dismiss("not_a_vehicle"))];
  if (proposed && !object.correction) {
    const confirm = t("Confirm {name}", { name: fullName(proposed) });
    others.unshift(button(confirm, () => oncorrect(object, { verdict: "confirmed", ...proposed })));
  }
  const buttons = make("div.row", {}, edit, ...others);
  const label = [name.title, name.subtitle].join(", ");
  return make("div.correct", { role: "group", "aria-label": label }, buttons);
}

/**
 * Return the most probable make and model; null if Carlens has no model to propose.
 *
 * @param {Detection} object
 */
function proposal({ make: maker, model }) {
  if (!maker || !model?.name.startsWith(`${maker.name} `)) return null;
  return { make: maker.name, model: withoutMake(model.name, maker.name) };
}

/**
 * @param {Detection} object
 * @param {OnCorrect} oncorrect
 * @param {() => void} close
 */
function makeForm(object, oncorrect, close) {
  const known = knownCars();
  const { correction, make: maker } = object;
  const makes = field("Make", correction?.make || (maker?.certain ? maker.name : ""));
  const models = field("Model", correction?.model ?? "");
  /** @type {(name: string) => HTMLOptionElement} */
  const option = (value) => make("option", { value });
  const suggestModels = () => {
    const chosen = [...known].find(([name]) => sameName(name, makes.input.value));
    models.list.replaceChildren(...[...(chosen?.[1] ?? [])].sort().map(option));
  };
  makes.list.replaceChildren(...[...known.keys()].sort().map(option));
  makes.input.addEventListener("input", suggestModels);
  suggestModels();
  const cancel = make("button.button.small", { type: "button", onclick: close }, t("Cancel"));
  const save = make("button.button.small.primary", { type: "submit" }, t("Save"));
  const onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    oncorrect(object, read(object, makes.input.value, models.input.value));
  };
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation(); // the viewer moves by keys
    if (event.key !== "Escape") return;
    event.preventDefault(); // or the viewer would close
    close();
  };
  return make(
    "form.naming",
    { onsubmit, onkeydown, autocomplete: "off" },
    makes.element,
    models.element,
    make("div.row", {}, save, cancel),
  );
}

/**
 * @param {Message} caption
 * @param {string} value
 */
function field(caption, value) {
  const list = make("datalist", { id: `cars-${nextId++}` });
  const input = make("input", {
    type: "text",
    value,
    list: list.id,
    required: true,
    pattern: ".*\\S.*",
    maxlength: 60,
    autocapitalize: "words",
    spellcheck: "false",
  });
  const element = make("label.field", {}, make("span", {}, t(caption)), input, list);
  return { element, input, list };
}

/**
 * @param {Detection} object
 * @param {string} maker As it is written.
 * @param {string} model
 * @returns {Correction}
 */
function read(object, maker, model) {
  const name = spell(maker, model, taughtMakes);
  const proposed = proposal(object);
  const right = proposed && sameName(fullName(proposed), fullName(name));
  return right ? { verdict: "confirmed", ...proposed } : { verdict: "corrected", ...name };
}

/**
 * List the cars that the classifier was taught, and those that the user has named, by make.
 *
 * @returns {Map<string, Set<string>>}
 */
function knownCars() {
  const cars = new Map(taughtMakes.map(({ name, models }) => [name, new Set(models)]));
  for (const { findings } of photos) {
    for (const { correction } of findings.predict?.result.objects ?? []) {
      if (!correction?.make) continue;
      const maker = plainName(correction.make);
      cars.set(maker, (cars.get(maker) ?? new Set()).add(correction.model));
    }
  }
  return cars;
}
