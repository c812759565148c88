// How objects are named. A title is never a guess.

/** @import { Correction, Detection, Naming } from "./types" */
import { className, fullName, language, percent, t } from "./i18n.js";

/**
 * Choose how to name an object. The title is never a guess.
 *
 * @param {Detection} object
 * @param {boolean} named Whether vehicles can have names here.
 * @returns {Naming}
 */
export function nameOf(object, named) {
  const { class_name, confidence, display = class_name } = object;
  const kind = className(class_name);
  const share = percent(confidence);
  if (object.correction) return correctedName(object, object.correction);
  const guess = guessOf(object);
  if (display === class_name) {
    const title = kind.charAt(0).toLocaleUpperCase(language) + kind.slice(1);
    return {
      how: named ? "kind" : "sure",
      title,
      subtitle: t("detected {share}", { share }),
      guess,
    };
  }
  return {
    how: "sure",
    title: display,
    subtitle: t("{kind}, detected {share}", { kind, share }),
    guess,
  };
}

/**
 * Name an object as the user does, with what Carlens says below it.
 *
 * @param {Detection} object
 * @param {Correction} correction
 * @returns {Naming}
 */
function correctedName({ class_name, display = class_name }, correction) {
  const { verdict } = correction;
  const name = display === class_name ? className(class_name) : display;
  if (verdict === "not_a_vehicle") {
    const subtitle = t("You say so; Carlens says: {name}", { name });
    return { how: "dismissed", title: t("Not a vehicle"), subtitle, guess: "" };
  }
  const subtitle =
    verdict === "confirmed"
      ? t("Confirmed by you")
      : t("Corrected by you; Carlens says: {name}", { name });
  return { how: "own", title: fullName(correction), subtitle, guess: "" };
}

/**
 * Word the most useful guess for a vehicle whose model is not certain.
 *
 * @param {Detection} object
 */
function guessOf({ class_name, display = class_name, certain, pred, prob, model }) {
  if (certain || !pred?.length) return "";
  const { name, prob: share } = model ?? { name: pred[0], prob: prob?.[0] ?? 0 };
  // A name of another make than the certain one would only confuse.
  const fits = display === class_name || (name !== display && name.startsWith(display));
  return fits ? t("Perhaps {name} ({share})", { name, share: percent(share) }) : "";
}

/**
 * Return whether at least the make of a vehicle is certain, or the user has named it.
 *
 * @param {Detection} object
 */
export const isNamed = ({ display, class_name, correction }) =>
  correction ? Boolean(correction.make) : Boolean(display) && display !== class_name;

/**
 * Return whether a vehicle may have a name, and neither its model is certain nor the user has
 * decided.
 *
 * @param {Detection} object
 */
export const isUncertain = ({ certain, pred, correction }) =>
  !certain && !correction && Boolean(pred?.length);

/**
 * Return whether the user says that this is not a vehicle.
 *
 * @param {Detection} object
 */
export const isDismissed = ({ correction }) => correction?.verdict === "not_a_vehicle";
