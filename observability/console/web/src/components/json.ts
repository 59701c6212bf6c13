/** JSON as text, set out on lines: every digit and every escape stays as it is. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const MOST = 200_000;
/** Indentation grows with the depth of every line: a short text, deep and with many members, can be a thousand times as long. */
const MOST_WRITTEN = 2_000_000;

/** The text indented by two spaces; as it is where it is no JSON, or would be very long. */
export function indented(text: string): string {
  if (text.length > MOST || !isJson(text)) return text;
  let depth = 0, written = "", before = "";
  const line = (): string => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    const isOpening = before === "{" || before === "[";
    if (token === "}" || token === "]") {
      depth -= 1;
      written += isOpening ? token : line() + token;
    } else {
      written += isOpening ? line() + token : token === ":" ? ": " : token;
      if (token === "{" || token === "[") depth += 1;
      if (token === ",") written += line();
    }
    if (written.length > MOST_WRITTEN) return text;
    before = token;
  }
  return written;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
