/** What a rule watches: the value in its expression, and the threshold that it is compared with. */

export interface Watched {
  /** What is drawn: the left side of the comparison, or all of the expression. */
  query: string;
  /** The comparison that makes the alert, where there is one with a number. */
  comparison?: { operator: string; threshold: number };
}

interface Token { text: string; at: number; depth: number }

const TOKEN = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|[A-Za-z_:][\w:]*|[<>!=]=?~?|[()[\]{}]/g;
const COMPARISONS = new Set(["==", "!=", ">", "<", ">=", "<="]);

/**
 * Takes `value > 0.05 and other > 0.2` apart into `value` and the threshold 0.05: an alert's expression gives nothing
 * while the alert is quiet, and its value is what there is to see then. What `and` and `unless` add narrows the alert
 * down. Where `or` joins two conditions, or the comparison is with no number, the expression stays whole.
 */
export function watched(expression: string): Watched {
  const top = tokens(expression).filter(({ depth }) => depth === 0);
  const whole = { query: expression };
  if (top.some(({ text }) => text === "or")) return whole;
  const end = top.find(({ text }) => text === "and" || text === "unless")?.at ?? expression.length;
  const comparisons = top.filter(({ text, at }) => COMPARISONS.has(text) && at < end);
  if (comparisons.length !== 1) return whole;
  const [{ text: operator, at }] = comparisons as [Token], right = expression.slice(at + operator.length, end).trim();
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(right)) return whole;
  return { query: expression.slice(0, at).trim(), comparison: { operator, threshold: Number(right) } };
}

/** Words, comparisons and brackets, each with how many brackets are open around it; strings and comments are left out. */
function tokens(expression: string): Token[] {
  const found: Token[] = [];
  let depth = 0;
  for (const { 0: text, index: at } of expression.matchAll(TOKEN)) {
    if (/^["'`#]/.test(text)) continue;
    if (/^[([{]$/.test(text)) depth++;
    else if (/^[)\]}]$/.test(text)) depth--;
    else found.push({ text, at, depth });
  }
  return found;
}
