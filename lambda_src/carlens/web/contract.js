// The second view: what openapi.json says, to read and to try.

let contract = null;

/** Load the contract when the view is first opened, and show it: once, as it holds forms. */
async function showContract() {
  if (contract) return;
  $("contract").replaceChildren(make("p.hint", { role: "status" }, t("Loading the contract…")));
  try {
    const response = await ask("openapi.json", {});
    contract = read(response.status, await response.text(), (answer) => answer?.paths);
  } catch (error) {
    $("contract").replaceChildren(make("div.problem", { role: "alert" }, ...explain(error)));
    return;
  }
  drawContract();
}

function drawContract() {
  const [intro, ...guide] = contract.info.description.split(/^(?=## )/m);
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.responses)
      .map(([method, operation]) => ({ path, method, ...operation })),
  );
  const groups = contract.tags.map(({ name, description }) => {
    const own = operations.filter(({ tags }) => tags?.includes(name));
    return { name, description, own };
  });
  $("contract").replaceChildren(
    named(make("nav.contents", {}, contents(groups, guide)), () => t("On this page")),
    make(
      "div.chapters",
      {},
      make(
        "section.preface",
        { lang: "en" },
        ...markdown(intro),
        make("p.hint", {}, words("version {version}", "span", { version: contract.info.version })),
      ),
      ...groups.map(({ name, description, own }) =>
        make(
          "section.group",
          { lang: "en" },
          make("h2", {}, name),
          make("p.hint", {}, description),
          ...own.map(drawOperation),
        ),
      ),
      make("section.panel.guide", { lang: "en" }, ...guide.flatMap(drawChapter)),
    ),
  );
}

/** Words of the page among the contract's English: they follow the page's language. */
function words(english, tag = "span", values = {}) {
  const element = make(tag);
  inLanguage(() => {
    element.lang = language;
    element.textContent = t(english, values);
  });
  return element;
}

function named(element, label) {
  inLanguage(() => {
    element.lang = language;
    element.setAttribute("aria-label", label());
  });
  return element;
}

const anchor = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-");

function contents(groups, guide) {
  // Not links: with a base element, a link to a fragment may be a link to another page.
  const entry = (id, ...label) => {
    const onclick = () => {
      goToView(saidLanguage(), `api/${id}`);
      goTo(id);
    };
    return make("li", {}, make("button", { type: "button", onclick }, ...label));
  };
  return make(
    "ul",
    {},
    ...groups.flatMap(({ own }) =>
      own.map(({ path, method, operationId }) =>
        entry(operationId, badge(method), make("code", {}, path)),
      ),
    ),
    ...guide.map((text) => {
      const title = text.slice(3, text.indexOf("\n"));
      return entry(anchor(title), make("span", { lang: "en" }, title));
    }),
  );
}

function goTo(id) {
  const heading = $(id);
  heading.focus({ preventScroll: true });
  heading.scrollIntoView();
}

const badge = (method) => make(`span.method.${method}`, {}, method.toUpperCase());

function drawChapter(text) {
  const [first, ...rest] = text.split("\n");
  const title = first.slice(3);
  const heading = make("h2", { id: anchor(title), tabindex: "-1" }, title);
  return [heading, ...markdown(rest.join("\n"))];
}

// One route ---------------------------------------------------------------------------------

function drawOperation(operation) {
  const { path, method, operationId, summary, description } = operation;
  const parameters = (operation.parameters ?? []).map(resolve);
  const body = operation.requestBody && resolve(operation.requestBody);
  return make(
    "article.panel.operation",
    { "aria-labelledby": operationId },
    make(
      "div.reading",
      {},
      make("h3", { id: operationId, tabindex: "-1" }, badge(method), make("code", {}, path)),
      make("p.summary", {}, summary),
      ...markdown(description ?? ""),
      ...(parameters.length ? [part("Parameters"), make("dl", {}, ...parameters.flatMap(drawParameter))] : []),
      ...(body ? [part("Request body"), ...drawBody(body)] : []),
      part("Answers"),
      ...drawAnswers(operation.responses),
    ),
    trial(operation, parameters, body),
  );
}

const part = (english) => words(english, "h4");

function drawParameter({ name, description, schema, required }) {
  return [
    make("dt", {}, make("code", {}, name), " ", kindOf(schema, required)),
    make("dd", {}, ...markdown(description ?? "")),
  ];
}

function drawBody({ description, content }) {
  const seen = new Map(); // one table for the media types that hold the same
  for (const [type, { schema, example }] of Object.entries(content)) {
    const key = JSON.stringify(schema);
    if (!seen.has(key)) seen.set(key, { types: [], schema, example });
    seen.get(key).types.push(type);
  }
  return [
    ...markdown(description ?? ""),
    ...[...seen.values()].map(({ types, schema, example }) =>
      make(
        "details",
        {},
        make("summary", {}, ...types.flatMap((type) => [make("code", {}, type), " "])),
        fields(schema),
        example ? code(asText(example)) : null,
      ),
    ),
  ];
}

/** The good answers, and the others under one heading. */
function drawAnswers(responses) {
  const all = Object.entries(responses).map(([status, answer]) => [status, resolve(answer)]);
  const good = all.filter(([status]) => status < 400);
  const bad = all.filter(([status]) => status >= 400);
  const labels = bad.flatMap(([status]) => [mark(status), " "]);
  return [
    ...good.map((answer) => drawAnswer(...answer)),
    make(
      "details.errors",
      {},
      make("summary", {}, words("Errors"), " ", ...labels),
      ...bad.map((answer) => drawAnswer(...answer)),
    ),
  ];
}

const mark = (status) => make(`span.code.${status < 400 ? "good" : "bad"}`, {}, status);

function drawAnswer(status, { description, content = {} }) {
  const media = Object.values(content);
  const examples = media.flatMap(({ examples: several, example }) =>
    Object.entries(several ?? (example ? { "": { value: example } } : {})),
  );
  const formats = contract.components.parameters.Format.schema.enum;
  return make(
    "details",
    {},
    make(
      "summary",
      {},
      mark(status),
      " ",
      description.trim(),
    ),
    ...examples.map(([name, found]) => {
      const { summary, value } = resolve(found);
      const label = [formats.includes(name) && `format=${name}`, summary].filter(Boolean).join(": ");
      return code(asText(value), label);
    }),
    ...media
      .filter(({ schema }) => schema && status < 400)
      .map(({ schema }) => make("details.inner", {}, words("Fields", "summary"), fields(schema))),
  );
}

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function code(text, label) {
  const shown = make("pre", { tabindex: "0", role: "group" }, make("code", {}, text));
  return make(
    "figure",
    {},
    label ? make("figcaption", {}, label) : words("Example", "figcaption"),
    named(shown, () => label || t("Example")),
  );
}

// Schemas -----------------------------------------------------------------------------------

function resolve(found) {
  for (let depth = 0; found?.$ref && depth < 9; depth++) {
    found = found.$ref
      .slice(2)
      .split("/")
      .reduce((at, name) => at?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], contract);
  }
  return found ?? {};
}

/** A schema with the parts of its `allOf` put together. */
function whole(found) {
  const schema = resolve(found);
  const parts = (schema.allOf ?? []).map(whole);
  return {
    ...Object.assign({}, ...parts),
    ...schema,
    required: [schema, ...parts].flatMap(({ required = [] }) => required),
    properties: Object.assign({}, ...parts.map((p) => p.properties), schema.properties),
  };
}

/** What kind of value it is, in a few words. */
function wordsFor(found) {
  const { type, format, items, minimum, maximum, nullable, enum: values } = whole(found);
  const range =
    minimum === undefined && maximum === undefined
      ? ""
      : maximum === undefined
        ? ` ≥ ${minimum}`
        : ` ${minimum ?? ""}…${maximum}`;
  const one =
    values && values.length < 4
      ? values.join(" | ")
      : type === "array"
        ? `[ ${wordsFor(items)} ]`
        : `${format ?? type ?? "any"}${range}`;
  return nullable ? `${one} | null` : one;
}

function kindOf(schema, required) {
  return make(
    "span.kind-of",
    {},
    wordsFor(schema),
    ...(schema.default === undefined ? [] : [", ", words("default"), ` ${schema.default}`]),
    ...(required ? [", ", words("required")] : []),
  );
}

/** The fields of a schema, those of its parts below them. */
function fields(found, depth = 0) {
  const schema = whole(found);
  const inside = schema.type === "array" ? schema.items : null;
  const rows = Object.entries(schema.properties).map(([name, value]) => {
    const about = whole(value);
    return make(
      "li",
      {},
      make("code", {}, name),
      " ",
      kindOf(about, schema.required.includes(name)),
      ...markdown(about.description ?? ""),
      ...(depth < 7 ? [nested(about, depth)] : []),
    );
  });
  return make(
    "div.schema",
    {},
    ...(depth === 0 ? markdown(schema.description ?? "") : []),
    ...(schema.oneOf ?? []).map((choice) => fields(choice, depth)),
    rows.length ? make("ul", {}, ...rows) : null,
    inside && depth < 7 && hasFields(inside) ? fields(inside, depth + 1) : null,
  );
}

function nested(about, depth) {
  const inside = about.type === "array" ? about.items : about;
  return hasFields(inside) ? fields(inside, depth + 1) : null;
}

function hasFields(found) {
  const { properties, oneOf, type, items } = whole(found);
  return Boolean(
    Object.keys(properties).length || oneOf || (type === "array" && hasFields(items)),
  );
}

// Live try-it -------------------------------------------------------------------------------

const TEXT = 200_000; // characters of an answer that are shown

/** A form that sends the request, and shows the answer as it came. */
function trial({ path, method }, parameters, body) {
  const inputs = parameters.map(field);
  const types = body ? bodyFields(body) : null;
  const called = `${method.toUpperCase()} ${path}`;
  const status = make("p.trial-status", { role: "status" });
  const shown = make("code");
  const answer = named(
    make("pre", { tabindex: "0", role: "group", hidden: true }, shown),
    () => t("Answer to {route}", { route: called }),
  );
  const request = () => {
    const query = new URLSearchParams();
    let route = path.slice(1);
    for (const { name, place, input } of inputs) {
      if (place === "path") route = route.replace(`{${name}}`, () => encodeURIComponent(input.value));
      else if (input.value) query.set(name, input.value);
    }
    if (query.size) route += `?${query}`;
    return { route, ...(types?.build() ?? { curl: [] }) };
  };
  const send = make("button.button.primary", {}, words("Send"));
  const copied = words("Copy curl");
  const curl = make(
    "button.button",
    { type: "button", onclick: () => copy(curlFor(request()), copied) },
    copied,
  );
  const form = make(
    "form.trial",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (send.getAttribute("aria-disabled") === "true") return;
        send.setAttribute("aria-disabled", "true");
        status.textContent = t("Sending…");
        const { route, content, type } = request();
        const headers = { ...keyHeaders(), ...(type ? { "content-type": type } : {}) };
        const started = performance.now();
        try {
          const response = await fetch(address(route), {
            method: method.toUpperCase(),
            headers,
            body: content,
          });
          const text = await response.text();
          status.replaceChildren(
            mark(response.status),
            " ",
            [
              duration(performance.now() - started),
              bytes(new Blob([text]).size),
              response.headers.get("x-request-id") ?? "",
            ]
              .filter(Boolean)
              .join(" · "),
          );
          shown.textContent = pretty(text);
          answer.hidden = false;
        } catch {
          status.textContent = t(UNREACHED);
          answer.hidden = true;
        }
        send.removeAttribute("aria-disabled");
      },
    },
    part("Try it"),
    ...inputs.map(({ row }) => row),
    ...(types?.rows ?? []),
    make("div.row", {}, send, curl),
    status,
    answer,
  );
  return named(form, () => `${t("Try it")}: ${called}`);
}

/** JSON laid out for reading, with the short lists (boxes, probabilities) on one line. */
function pretty(text) {
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
    text = text.replace(/\[\s+((?:[-\d.]+,\s+)*[-\d.]+)\s+\]/g, (_, list) => {
      return `[${list.replace(/\s+/g, " ")}]`;
    });
  } catch {
    // Shown as it came.
  }
  return text.length > TEXT ? `${text.slice(0, TEXT)}…` : text;
}

function labeled(label, input) {
  return make("label.field", {}, make("span", {}, label), input);
}

/** A field for a parameter: one of the path is always needed, so it starts with its example. */
function field({ name, in: place, schema, example, required }) {
  const values = schema.enum;
  const input = values
    ? make(
        "select",
        { name },
        ...values.map((value) =>
          make("option", { value, selected: value === schema.default }, value),
        ),
      )
    : make("input", {
        name,
        type: schema.type === "array" || schema.type === "string" ? "text" : "number",
        min: schema.minimum,
        max: schema.maximum,
        step: schema.type === "number" ? "any" : null,
        placeholder: String(example ?? ""),
        value: place === "path" ? example : null,
        required: Boolean(required),
        autocomplete: "off",
      });
  return { name, place, input, row: labeled(make("code", {}, name), input) };
}

/** The fields of a body: a choice of types, and for each its own fields. */
function bodyFields({ content }) {
  const forms = { ...("text/csv" in content ? rowForms(content) : pictureForms()), ...jsonForm(content) };
  const known = Object.keys(forms).filter((type) => type in content);
  const choice = make("select", {}, ...known.map((type) => make("option", { value: type }, type)));
  const show = () => {
    for (const [type, { rows }] of Object.entries(forms)) {
      for (const row of rows) row.hidden = type !== choice.value;
    }
  };
  choice.addEventListener("change", show);
  show();
  return {
    rows: [labeled(words("Body as"), choice), ...Object.values(forms).flatMap(({ rows }) => rows)],
    build: () => forms[choice.value].build(),
  };
}

function pictureForms() {
  const files = make("input", { type: "file", name: "image", multiple: true, accept: "image/*" });
  const urls = make("textarea", { name: "url", rows: "2", spellcheck: "false", wrap: "off" });
  const photo = make("input", { type: "file", name: "body", accept: "image/*" });
  const lines = () => urls.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return {
    "multipart/form-data": {
      rows: [labeled(words("Photo files"), files), labeled(words("Addresses, one a line"), urls)],
      build: () => {
        const form = new FormData();
        for (const file of files.files) form.append("image", file);
        for (const url of lines()) form.append("url", url);
        const pictures = [...files.files, ...lines().map((url) => ({ address: url }))];
        const curl = pictures.length ? pictures.map(curlPart) : ["-F url="];
        return { content: form, curl };
      },
    },
    "application/octet-stream": {
      rows: [labeled(words("Photo file"), photo)],
      build: () =>
        raw(
          "application/octet-stream",
          photo.files[0] ?? "",
          `--data-binary ${quote(`@${photo.files[0]?.name ?? "street.jpg"}`)}`,
        ),
    },
  };
}

function rowForms(content) {
  const file = make("input", { type: "file", name: "file", accept: ".csv,.tsv,.txt,text/csv" });
  const text = make("textarea", { name: "csv", rows: "5", spellcheck: "false", wrap: "off" });
  text.value = content["text/csv"].example;
  return {
    "multipart/form-data": {
      rows: [labeled(words("CSV file"), file)],
      build: () => {
        const form = new FormData();
        for (const chosen of file.files) form.append("file", chosen);
        return { content: form, curl: [curlFile("file", file.files[0]?.name ?? "cars.csv")] };
      },
    },
    "text/csv": {
      rows: [labeled("CSV", text)],
      build: () => raw("text/csv", text.value),
    },
  };
}

function jsonForm(content) {
  const json = make("textarea", { name: "json", rows: "7", spellcheck: "false" });
  json.value = asText(content["application/json"]?.example ?? "");
  return {
    "application/json": {
      rows: [labeled("JSON", json)],
      build: () => raw("application/json", json.value),
    },
  };
}

/** A body that is the content itself, as the page and as curl send it. */
function raw(type, content, curl = `--data-raw ${quote(content)}`) {
  return { content, type, curl: [`-H 'Content-Type: ${type}'`, curl] };
}

function curlFor({ route, curl }) {
  const key = keyHeaders()["x-api-key"] ? ['-H "x-api-key: $CARLENS_API_KEY"'] : [];
  return [`curl ${quote(address(route))}`, ...key, ...curl].join(" \\\n  ");
}

// Markdown, as much of it as the contract uses ----------------------------------------------

/** Blocks: fenced code, tables, lists and paragraphs. */
function markdown(text) {
  const blocks = text.trim().match(/^```[^]*?^```|(?:(?!```).+\n?)+/gm) ?? [];
  return blocks.map((block) => {
    const lines = block.trim().split("\n");
    if (block.startsWith("```")) {
      const source = lines.slice(1, -1).join("\n").replaceAll("…/", document.baseURI);
      return code(source, { js: "JavaScript", sh: "Shell" }[lines[0].slice(3)] ?? "");
    }
    if (lines[0].startsWith("|")) return table(lines);
    if (lines[0].startsWith("- ")) {
      const items = block.trim().split(/^- /m).slice(1);
      return make("ul.bullets", {}, ...items.map((item) => make("li", {}, ...inline(item))));
    }
    return make("p", {}, ...inline(lines.join(" ")));
  });
}

/** Code within a line; everything else is text. */
function inline(text) {
  return text
    .trim()
    .replace(/\s+/g, " ")
    .split(/(`[^`]+`)/)
    .map((piece) => (piece.startsWith("`") ? make("code", {}, piece.slice(1, -1)) : piece));
}

function table(lines) {
  const [head, , ...rows] = lines.map((line) => line.split("|").slice(1, -1));
  const row = (cells, tag) => make("tr", {}, ...cells.map((text) => make(tag, {}, ...inline(text))));
  return make(
    "div.scroll",
    { tabindex: "0", role: "group", "aria-label": head.join(", ").trim() },
    make(
      "table",
      {},
      make("thead", {}, row(head, "th")),
      make("tbody", {}, ...rows.map((cells) => row(cells, "td"))),
    ),
  );
}
