// CSV: cells as text, and text as cells.

/**
 * Put an apostrophe in front of a text that a spreadsheet would run as a formula.
 *
 * @param {string} text
 */
export const plain = (text) =>
  /^(?:[\s\p{Cc}]*[=+\-@＝＋－＠]|[\t\r\n])/u.test(text) ? `'${text}` : text;

/**
 * Write rows for a spreadsheet.
 *
 * @param {string[][]} rows Their formulas are escaped already.
 * @param {string} [delimiter]
 */
export function writeCsv(rows, delimiter = ",") {
  /** @param {string} text */
  const quote = (text) =>
    /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = rows.map((row) => `${row.map(quote).join(delimiter)}\r\n`);
  return `\ufeff${lines.join("")}`; // the byte order mark tells Excel that this is UTF-8
}

/**
 * Read CSV as `csv.writer` of Python writes it; another text has no rows.
 *
 * @param {string} text
 * @param {string} delimiter
 */
export function readCsv(text, delimiter) {
  // Each character can match in one way only: nested repetitions would take exponential time.
  const cell = new RegExp(
    `(?:"([^"]*(?:""[^"]*)*)"|([^"${delimiter}\r\n]*))(${delimiter}|\r\n|$)`,
    "y",
  );
  /** @type {string[][]} */
  const rows = [];
  /** @type {string[]} */
  let row = [];
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) return [];
    row.push(found[1]?.replaceAll('""', '"') ?? found[2]);
    if (found[3] === delimiter) continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
