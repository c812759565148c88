// The rows of a file with their answers: reading, ordering and writing them. Nothing here draws.

/** @import { AnsweredRow, Judgment, WrittenName } from "./types" */
import { plain, readCsv, writeCsv } from "./csv.js";
import { judge } from "./lookup.js";

// The columns that `format=detailed` adds.
const ADDED = 8;
const DELIMITERS = [",", ";", "\t"];

/**
 * @typedef {object} AnsweredFile
 * @property {string} delimiter
 * @property {string[]} header The headings of all columns, or none.
 * @property {number} width How many columns were sent.
 * @property {AnsweredRow[]} rows In the order sent.
 */

/** @param {string[]} cells */
const hasScores = (cells) => cells.slice(-3, -1).every((cell) => /^\d+$/.test(cell));

/**
 * Read a detailed answer. It has the delimiter of the file that was sent.
 *
 * @param {string} text
 * @returns {AnsweredFile | null} null if it is no such answer.
 */
export function readAnswer(text) {
  for (const delimiter of DELIMITERS) {
    const records = readCsv(text, delimiter);
    const width = (records[0]?.length ?? 0) - ADDED;
    const header = records[0] && !hasScores(records[0]) ? records[0] : [];
    const data = header.length ? records.slice(1) : records;
    const fits = data.every((cells) => cells.length === width + ADDED && hasScores(cells));
    if (width > 0 && data.length && fits) {
      return { delimiter, header, width, rows: data.map((cells, i) => readRow(cells, width, i)) };
    }
  }
  return null;
}

/**
 * @param {string[]} cells
 * @param {number} width
 * @param {number} index
 * @returns {AnsweredRow}
 */
function readRow(cells, width, index) {
  const [maker, model, score, writtenMake, writtenModel, scoreMake, , kind] = cells.slice(width);
  const written = { make: writtenMake, model: writtenModel };
  const answer = { make: maker, model, kind, score: Number(score), score_make: Number(scoreMake) };
  return {
    index,
    cells: cells.slice(0, width),
    written,
    answer,
    judgment: judge(written, answer),
    decision: null,
  };
}

/** @type {Record<Judgment, number>} */
const URGENCY = { doubtful: 0, partial: 1, none: 2, sure: 3, blank: 4 };

/** @param {AnsweredRow} row */
const scoreOf = ({ answer }) => (answer.model ? answer.score : answer.score_make);

/**
 * Order rows: those that need a look first, the least certain of them first.
 *
 * @param {AnsweredRow[]} rows
 */
export const doubtfulFirst = (rows) =>
  rows.toSorted(
    (a, b) =>
      URGENCY[a.judgment] - URGENCY[b.judgment] || scoreOf(a) - scoreOf(b) || a.index - b.index,
  );

/** @param {AnsweredRow} row */
export const needsLook = ({ judgment, decision }) => !decision && URGENCY[judgment] < 3;

/**
 * Return the name that counts for a row: a person's, or else the answer.
 *
 * @param {AnsweredRow} row
 * @returns {WrittenName}
 */
export const nameFor = ({ answer, decision }) => decision ?? answer;

/**
 * Return the rows in which the same was written.
 *
 * @param {AnsweredRow[]} rows
 * @param {AnsweredRow} row
 */
export function writtenAlike(rows, row) {
  if (row.judgment === "blank") return [row]; // nothing tells what they have in common
  const { make, model } = row.written;
  return rows.filter(({ written }) => written.make === make && written.model === model);
}

/**
 * Write the columns sent, the make, model and score of each row, and whether a person checked it.
 *
 * @param {AnsweredFile} file
 */
export function toCsv({ delimiter, header, width, rows }) {
  const columns = [...header.slice(0, width + 3), "checked"];
  const records = rows.map((row) => {
    const { make, model } = nameFor(row);
    const score = row.decision ? "" : String(row.answer.score);
    // The server has escaped the formulas in all other cells.
    const name = row.decision ? [plain(make), plain(model)] : [make, model];
    return [...row.cells, ...name, score, row.decision ? "yes" : ""];
  });
  return writeCsv(header.length ? [columns, ...records] : records, delimiter);
}
