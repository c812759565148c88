// How objects are named. A title is never a guess.

/** @import { Detection, Naming } from "./types" */
import { className, language, percent, t } from "./i18n.js";

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
 * Return whether at least the make of a vehicle is certain.
 *
 * @param {Detection} object
 */
export const isNamed = ({ display, class_name }) => Boolean(display) && display !== class_name;

/**
 * Return whether a vehicle may have a name, and its model is not certain.
 *
 * @param {Detection} object
 */
export const isUncertain = ({ certain, pred }) => !certain && Boolean(pred?.length);
