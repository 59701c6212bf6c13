/** JSON as text, set out on lines: every digit and every escape stays as it is. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const MOST = 200_000;

/** The text indented by two spaces; as it is where it is no JSON, or very long. */
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
