/** Text that others wrote, made fit to be shown: nothing in it acts on the page, a terminal or the lines around it. */

/** What a collapsed line or a name shows at most, characters. */
export const BRIEF = 2_000;
/** How much of a long text is shown at a time, characters. */
export const PORTION = 20_000;

/** Control characters but tab and line feed, marks and overrides of writing direction, line and paragraph separators. */
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Each character that would act instead of being seen, as a visible one: ESC as ␛, an override as ⟨202E⟩. */
export function visible(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(INVISIBLE, picture);
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** The first `limit` characters, made visible, and how many were left out. */
export function bounded(text: string, limit: number): { shown: string; left: number } {
  if (text.length <= limit) return { shown: visible(text), left: 0 };
  const end = isLowSurrogate(text, limit) ? limit - 1 : limit;
  return { shown: visible(text.slice(0, end)), left: text.length - end };
}

/** The text on one line, cut to `limit` with an ellipsis: for names, titles and labels. */
export function brief(text: string, limit = 200): string {
  const { shown, left } = bounded(text.slice(0, limit + 1), limit);
  return shown.replace(/\s+/g, " ") + (left > 0 ? "…" : "");
}

function isLowSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
