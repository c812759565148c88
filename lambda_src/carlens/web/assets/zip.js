// ZIP archives without compression, for photos that are compressed already.
// The format is described in section 4.3 of PKWARE's APPNOTE.

import { ApiError } from "./client.js";

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {Uint8Array} content */
function crc32(content) {
  let crc = 0xffffffff;
  for (const byte of content) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const UTF8_NAME = 0x0800;
const VERSION = 20;
const JANUARY_1980 = 0x21;
// The fields of this format hold no more. 100 MB are left for the directory.
const MOST_BYTES = 0xffffffff - 100e6;
const MOST_FILES = 0xffff;

/**
 * Write numbers in little-endian order.
 *
 * @param {[number, 2 | 4][]} fields Values and their sizes in bytes.
 * @returns {Uint8Array<ArrayBuffer>}
 */
function record(fields) {
  const bytes = new DataView(new ArrayBuffer(fields.reduce((total, [, size]) => total + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) bytes.setUint16(at, value, true);
    else bytes.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(bytes.buffer);
}

/** The devices of Windows, which no file may be named like, whatever its extension. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
export const LONGEST_STEM = 80; // characters; file systems take names of 255 bytes

/**
 * Make a file name that every system takes, and that leads into no other folder.
 *
 * @param {string} name
 * @returns {[string, string]} The name without its extension, and the extension.
 */
export function safeName(name) {
  const plain = name
    .normalize("NFC")
    .replace(/[\p{C}\p{Zl}\p{Zp}\\/:*?"<>|]/gu, "_")
    .replace(/^[\s.]+|[\s.]+$/g, "");
  const [, start = "", extension = ""] = /^(.*?)(\.\w{1,10})?$/s.exec(plain) ?? [];
  const stem = [...start].slice(0, LONGEST_STEM).join("").trimEnd() || "photo";
  return [RESERVED.test(stem) ? `_${stem}` : stem, extension];
}

/** Collects files into an archive. */
export class Zip {
  /** @type {BlobPart[]} */
  files = [];
  /** @type {BlobPart[]} */
  directory = [];
  size = 0;
  directorySize = 0;
  /** @type {Set<string>} */
  names = new Set();

  /**
   * Add a file; a name that is taken gets a number.
   *
   * @param {string} name
   * @param {Blob} content
   * @param {string} [folder] Such as `photos/`.
   * @returns {Promise<string>} The path of the file in the archive.
   */
  async add(name, content, folder = "") {
    if (this.size + content.size > MOST_BYTES || this.names.size === MOST_FILES) {
      throw new ApiError(
        "A ZIP archive cannot be that large. Filter the photos and save in parts.",
      );
    }
    const path = folder + this.freeName(name);
    const encoded = new TextEncoder().encode(path);
    const crc = crc32(new Uint8Array(await content.arrayBuffer()));
    /** @type {[number, 2 | 4][]} */
    const common = [
      [VERSION, 2],
      [UTF8_NAME, 2],
      [0, 2], // stored
      [0, 2],
      [JANUARY_1980, 2],
      [crc, 4],
      [content.size, 4],
      [content.size, 4],
      [encoded.length, 2],
      [0, 2],
    ];
    const header = record([[0x04034b50, 4], ...common]);
    const entry = record([
      [0x02014b50, 4],
      [VERSION, 2],
      ...common,
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 4],
      [this.size, 4],
    ]);
    this.files.push(header, encoded, content);
    this.directory.push(entry, encoded);
    this.size += header.length + encoded.length + content.size;
    this.directorySize += entry.length + encoded.length;
    return path;
  }

  /** @param {string} name */
  freeName(name) {
    const [stem, extension] = safeName(name);
    let free = stem + extension;
    // Windows and macOS take names that differ in case only for the same.
    const isTaken = () => this.names.has(free.toLowerCase());
    for (let n = 2; isTaken(); n++) free = `${stem} (${n})${extension}`;
    this.names.add(free.toLowerCase());
    return free;
  }

  finish() {
    const count = this.names.size;
    const end = record([
      [0x06054b50, 4],
      [0, 2],
      [0, 2],
      [count, 2],
      [count, 2],
      [this.directorySize, 4],
      [this.size, 4],
      [0, 2],
    ]);
    return new Blob([...this.files, ...this.directory, end], { type: "application/zip" });
  }
}
