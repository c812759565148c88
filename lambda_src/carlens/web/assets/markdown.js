// Render Markdown as elements. marked parses it; anything else, such as HTML, stays text.

/** @import { Token, Tokens } from "./marked.esm.js" */
import { make } from "./dom.js";
import { t, translated, withName } from "./i18n.js";
import { lexer } from "./marked.esm.js";

/**
 * @param {string} [text]
 * @returns {HTMLElement[]}
 */
export const markdown = (text = "") =>
  lexer(text)
    .filter(({ type }) => type !== "space")
    .map(block);

/** @type {Record<string, string>} */
const CODE_LANGUAGES = { js: "JavaScript", sh: "Shell" };

/**
 * @param {Token} token
 * @returns {HTMLElement}
 */
function block(token) {
  switch (token.type) {
    case "code":
      // In the contract's examples, …/ stands for the URL of the server.
      return codeBlock(
        token.text.replaceAll("…/", document.baseURI),
        CODE_LANGUAGES[token.lang ?? ""],
      );
    case "table":
      return table(/** @type {Tokens.Table} */ (token));
    case "list":
      return list(/** @type {Tokens.List} */ (token));
    case "paragraph":
      return make("p", {}, ...inline(token.tokens));
    default:
      return make("p", {}, token.raw.trim());
  }
}

/** @param {Tokens.List} token */
function list({ ordered, items }) {
  /** @param {Tokens.ListItem} item */
  const content = (item) =>
    item.tokens.flatMap((token) => inline("tokens" in token ? token.tokens : [token]));
  return make(
    ordered ? "ol.bullets" : "ul.bullets",
    {},
    ...items.map((item) => make("li", {}, ...content(item))),
  );
}

/** @param {Tokens.Table} token */
function table({ header, rows }) {
  /**
   * @param {Tokens.TableCell[]} cells
   * @param {string} tag
   */
  const row = (cells, tag) =>
    make("tr", {}, ...cells.map((cell) => make(tag, {}, ...inline(cell.tokens))));
  const name = header.map((cell) => cell.text).join(", ");
  return make(
    "div.scroll",
    { tabindex: "0", role: "group", "aria-label": name },
    make(
      "table",
      {},
      make("thead", {}, row(header, "th")),
      make("tbody", {}, ...rows.map((cells) => row(cells, "td"))),
    ),
  );
}

/**
 * @param {Token[] | undefined} tokens
 * @returns {(Node | string)[]}
 */
const inline = (tokens = []) =>
  tokens.map((token) => {
    if (token.type === "codespan") return make("code", {}, token.text);
    if (token.type === "strong" || token.type === "em") {
      return make(token.type, {}, ...inline(token.tokens));
    }
    return (token.type === "escape" ? token.text : token.raw).replace(/\s+/g, " ");
  });

/**
 * Make a block of code with a caption.
 *
 * @param {string} text
 * @param {string} [caption] "Example" by default, in the language of the page.
 */
export function codeBlock(text, caption) {
  const code = make("pre", { tabindex: "0", role: "group" }, make("code", {}, text));
  return make(
    "figure",
    {},
    caption ? make("figcaption", {}, caption) : translated("figcaption", "Example"),
    withName(code, () => caption || t("Example")),
  );
}
