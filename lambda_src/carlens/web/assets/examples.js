// The example photos. They are loaded when the user asks for one.

import { ApiError, UNREACHABLE } from "./client.js";

/**
 * Load an example photo, which the server sends as base64 text.
 *
 * @param {string} name
 */
export async function loadExample(name) {
  const file = `${name}.webp`;
  const response = await fetch(new URL(file, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new ApiError(UNREACHABLE);
  const content = Uint8Array.from(atob(await response.text()), (byte) => byte.charCodeAt(0));
  return new File([content], file, { type: "image/webp" });
}
