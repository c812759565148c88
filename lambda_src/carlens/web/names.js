// The view of written names: one that is matched as it is typed, and a whole file.

const PAUSE = 250; // milliseconds without a key before the server is asked
const MOST_SHOWN = 6; // the match and five alternatives

let asking = new AbortController(); // the last question
let pause = 0;
let matched = null; // {answer} or {error} of it
let fileAsked = null; // {file}, and {table, blob, start} or {error} when it is answered

const fullName = ({ make: maker, model }) => `${maker} ${model}`.trim();
const isText = (text) => typeof text === "string";

/** Ask the server; the Problem says so when there is none. */
async function ask(path, options) {
  try {
    return await fetch(address(path), { ...options, headers: keyHeaders() });
  } catch (error) {
    throw options.signal?.aborted ? error : new Problem(UNREACHED);
  }
}

/** Fill the chooser of tables, once: it is what every question needs. */
async function loadTables(signal) {
  if ($("table").options.length) return;
  const response = await ask("norm", { signal });
  const { tables } = read(response.status, await response.text(), (a) => Array.isArray(a?.tables));
  if ($("table").options.length) return; // another question was faster
  $("table").append(...tables.map((name) => make("option", {}, name)));
}

const tableRoute = () => `norm/${encodeURIComponent($("table").value)}`;

function matchSoon() {
  clearTimeout(pause);
  pause = setTimeout(match, PAUSE);
}

/** Match what the fields hold; a question that is overtaken is dropped. */
async function match() {
  clearTimeout(pause);
  asking.abort();
  const { signal } = (asking = new AbortController());
  let outcome = null;
  try {
    await loadTables(signal);
    const [maker, model] = [$("make").value.trim(), $("model").value.trim()];
    if (maker || model) {
      const query = new URLSearchParams({ make: maker, model, top_k: MOST_SHOWN });
      const response = await ask(`${tableRoute()}?${query}`, { signal });
      const answer = read(response.status, await response.text(), (a) => isText(a?.make));
      outcome = { answer };
    }
  } catch (error) {
    outcome = { error };
  }
  if (signal.aborted) return;
  matched = outcome;
  showMatch();
}

/** Show the match, its scores and what else it may be; or what went wrong. */
function showMatch() {
  const { answer, error } = matched ?? {};
  $("match").classList.toggle("problem", Boolean(error));
  $("scores").hidden = !answer;
  if (error) return $("match").replaceChildren(...explain(error));
  if (!answer) {
    return $("match").replaceChildren(make("p.hint", {}, t("Write a make, a model or both.")));
  }
  const missing = answer.make
    ? "No model of it is similar enough."
    : "Nothing in this table is similar enough.";
  $("match").replaceChildren(
    ...(answer.make ? [make("strong", {}, fullName(answer))] : []),
    ...(answer.model ? [] : [make("p.hint", {}, t(missing))]),
  );
  const scores = [
    [t("Make"), answer.score_make],
    [t("Model"), answer.score_model],
    [t("Together"), answer.score],
  ];
  const others = answer.alternatives.map((other) => [fullName(other), other.score]);
  $("scores").replaceChildren(
    scoreBars(scores),
    make("p.hint", {}, t("Scores are out of 100.")),
    ...(others.length ? [make("h3", {}, t("Alternatives")), scoreBars(others, "others")] : []),
  );
}

function scoreBars(rows, id) {
  return make("ol.bars", { role: "list", id }, ...rows.map(([text, score]) => bar(text, score, score / 100)));
}

/** Match a whole file; its answer waits for a click, since nobody wants a surprise download. */
async function matchFile(file) {
  const asked = (fileAsked = { file });
  showFile();
  try {
    if (file.size > MAX_BYTES) {
      const most = bytes(MAX_BYTES);
      throw new Problem("This file is more than {most}. Split it, and send the parts one by one.", {
        values: { most },
      });
    }
    await loadTables();
    asked.table = $("table").value;
    const body = new FormData();
    body.append("file", file);
    const response = await ask(tableRoute(), { method: "POST", body });
    if (!response.ok) read(response.status, await response.text());
    asked.blob = await response.blob();
    asked.start = (await asked.blob.slice(0, 2000).text()).split("\n").slice(0, 8).join("\n");
  } catch (error) {
    asked.error = error;
  }
  if (asked === fileAsked) showFile();
}

function showFile() {
  const { file, table, blob, start, error } = fileAsked ?? {};
  $("file-status").classList.toggle("problem", Boolean(error));
  $("save-rows").hidden = $("file-start").hidden = !blob;
  $("file-start").textContent = start ?? "";
  if (!file) return;
  const said = blob ? "{name} is answered from the table {table}." : "Matching {name}…";
  const words = t(said, { name: file.name, table });
  $("file-status").replaceChildren(...(error ? explain(error) : [words]));
}

function saveRows() {
  const { file, table, blob } = fileAsked;
  save(blob, `${file.name.replace(/\.\w+$/, "")}-${table}-carlens.csv`);
}
