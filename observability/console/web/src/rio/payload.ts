/** The data of an event as text. */
import type { CloudEvent } from "../stores/rio.ts";

/** The data, byte for byte where that is text; undefined where there is none, or it is hidden. */
export function textOf({ data, data_base64 }: CloudEvent): string | undefined {
  if (typeof data_base64 === "string") return decoded(data_base64);
  if (data === undefined) return undefined;
  return typeof data === "string" ? data : JSON.stringify(data);
}

function decoded(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return `${bytes.length} bytes that are no text: ${base64}`;
  }
}
