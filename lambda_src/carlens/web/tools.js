// Small helpers. Text from files, addresses and answers is only ever set as text, never as markup.

const $ = (id) => document.getElementById(id);
const SVG = document.querySelector("svg").namespaceURI;

/** Make an element: attributes, listeners (on…), then children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, attributes, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElementNS(SVG, name), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Set styles through the CSSOM, which the Content-Security-Policy allows. */
function style(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}

const total = (numbers) => numbers.reduce((sum, n) => sum + n, 0);

/** The full address of a route, below the stage when there is one. */
const address = (path) => new URL(path, document.baseURI).href;

const keyHeaders = () => {
  const key = $("key").value.trim();
  return key ? { "x-api-key": key } : {};
};

async function copy(text, button) {
  const copied = await toClipboard(text);
  const outcome = () => t(copied ? "Copied" : "Copying is not allowed here");
  button.firstChild.data = outcome(); // the very text that a change of language writes again
  say(outcome);
  setTimeout(() => setLanguage(language), 2000);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Only https and localhost have a clipboard to write to; others have the old command.
    const field = make("textarea.unseen", { "aria-hidden": "true" });
    field.value = text;
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    before?.focus();
    return copied;
  }
}

function save(blob, name) {
  const source = URL.createObjectURL(blob);
  make("a", { href: source, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(source), 60_000);
}

/** Make buttons a list of tabs: arrow keys move, one of them is a tab stop. */
function tabs(buttons, choose) {
  const select = (chosen) => {
    for (const button of buttons) {
      button.setAttribute("aria-selected", String(button === chosen));
      button.tabIndex = button === chosen ? 0 : -1;
    }
    choose(chosen);
  };
  for (const [at, button] of buttons.entries()) {
    button.addEventListener("click", () => select(button));
    button.addEventListener("keydown", (event) => {
      const to = {
        ArrowRight: at + 1,
        ArrowLeft: at - 1,
        Home: 0,
        End: -1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = buttons.at(to % buttons.length);
      select(next);
      next.focus();
    });
  }
  select(buttons[0]);
}
