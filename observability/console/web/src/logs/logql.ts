/** LogQL, as far as a page writes it: quoting, selectors, filters by a click. */
import type { Labels } from "../stores/prometheus.ts";
import type { Level } from "./line.ts";

/** Labels of a stream in Loki (observability/loki/loki.yaml); every other field is structured metadata or parsed. */
const STREAM_LABELS: readonly string[] = ["service_name", "service_instance_id", "deployment_environment_name"];
/** Selects every line. */
export const ALL = '{service_name=~".+"}';

/** A string of LogQL. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The selector of the stream that a line stands in. */
export function selectorOf(labels: Labels): string {
  const known = STREAM_LABELS.filter((name) => labels[name] !== undefined);
  return known.length > 0 ? `{${known.map((name) => `${name}=${quoted(labels[name]!)}`).join(", ")}}` : ALL;
}

/** Whether a query gives lines; others give values over time. */
export const isLogQuery = (query: string): boolean => query.trimStart().startsWith("{");

/** A query that keeps lines of some levels only; all where none is named. */
export function withLevels(query: string, levels: readonly Level[]): string {
  if (levels.length === 0 || !isLogQuery(query)) return query;
  return `${query.trimEnd()} | severity_text=~${quoted(levels.map((level) => WORDS[level]).join("|"))}`;
}

/** How frameworks write a level, in lower case as the collector stores it. */
const WORDS: Record<Level, string> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warning: "warn|warning",
  error: "error",
  critical: "critical|fatal",
};

/** Lines of a query by level over time. */
export const countsOf = (query: string, step: string): string =>
  `sum by (severity_text) (count_over_time(${query.trim()} [${step}]))`;

interface Matcher {
  name: string;
  operator: string;
  value: string;
}

/** A string of LogQL at the start of a text: in quotes with escapes, or in backticks. */
const STRING = '"(?:[^"\\\\]|\\\\.)*"|`[^`]*`';
const MATCHER = new RegExp(`\\s*([A-Za-z_]\\w*)\\s*(=~|!~|!=|=)\\s*(${STRING})\\s*(?:,|$)`, "y");

/** The query with a field's value kept, or left out. Contrary filters of the same value go; there is no filter twice. */
export function filtered(query: string, name: string, value: string, way: "for" | "out"): string {
  if (!isLogQuery(query)) return query;
  return STREAM_LABELS.includes(name) ? inSelector(query, name, value, way) : inPipeline(query, name, value, way);
}

function inSelector(query: string, name: string, value: string, way: "for" | "out"): string {
  const start = query.indexOf("{"),
    end = closing(query, start);
  const matchers = end === undefined ? undefined : matchersOf(query.slice(start + 1, end));
  if (end === undefined || matchers === undefined) return inPipeline(query, name, value, way);
  const written = quoted(value),
    operator = way === "for" ? "=" : "!=";
  const isInTheWay = (one: Matcher): boolean =>
    one.name === name && (one.value === written || (way === "for" && one.operator.startsWith("=")));
  const kept = [...matchers.filter((one) => !isInTheWay(one)), { name, operator, value: written }];
  // Loki wants at least one that does not match the empty value.
  if (!kept.some((one) => one.operator.startsWith("=")))
    kept.unshift({ name: "service_name", operator: "=~", value: '".+"' });
  return `${query.slice(0, start)}{${kept.map((one) => `${one.name}${one.operator}${one.value}`).join(", ")}}${query.slice(end + 1)}`;
}

function inPipeline(query: string, name: string, value: string, way: "for" | "out"): string {
  const written = quoted(value),
    [operator, contrary] = way === "for" ? ["=", "!="] : ["!=", "="];
  const without = query.trimEnd().split(` | ${name}${contrary}${written}`).join("");
  const filter = ` | ${name}${operator}${written}`;
  return without.includes(filter) ? without : without + filter;
}

/** Where the brace at `start` is closed; undefined where it is not. */
export function closing(query: string, start: number): number | undefined {
  const rest = new RegExp(`(?:[^}"\`]|${STRING})*`, "y");
  rest.lastIndex = start + 1;
  rest.test(query);
  return query[rest.lastIndex] === "}" ? rest.lastIndex : undefined;
}

/** The matchers of a selector's inside; undefined where it cannot be read. */
function matchersOf(inside: string): Matcher[] | undefined {
  const found: Matcher[] = [];
  let at = 0;
  while (inside.slice(at).trim() !== "") {
    MATCHER.lastIndex = at;
    const match = MATCHER.exec(inside);
    if (!match) return undefined;
    found.push({ name: match[1]!, operator: match[2]!, value: match[3]! });
    at = MATCHER.lastIndex;
  }
  return found;
}
