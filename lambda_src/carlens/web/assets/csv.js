// CSV as spreadsheets and other programs read it.

/** @param {string} text */
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** @param {string[][]} rows */
export function csv(rows) {
  const lines = rows.map((row) => `${row.map(quoted).join(",")}\r\n`);
  return `\ufeff${lines.join("")}`; // the byte order mark tells Excel that this is UTF-8
}
