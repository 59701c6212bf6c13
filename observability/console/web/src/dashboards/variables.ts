/** The variables of a dashboard: their options, which may depend on each other, and what is chosen. */
import { type Range, written } from "../time.ts";
import { intervalFor, leastInterval } from "./interval.ts";
import { regularExpression } from "./fields.ts";
import { builtIn, interpolate, referred, type Scope, type Value } from "./interpolation.ts";
import type { Variable } from "./json.ts";

export const ALL = "$__all";
export interface Option {
  text: string;
  value: string;
}
/** A variable with its options and what of them is chosen. */
export interface Resolved {
  variable: Variable;
  options: readonly Option[];
  chosen: readonly string[];
  value: Value;
  /** Why there are no new options. */
  error?: Error;
}
/** What asks the stores for options. */
export interface OptionSource {
  (question: OptionQuestion, range: Range, signal: AbortSignal): Promise<string[]>;
}
export interface OptionQuestion {
  source: "prometheus" | "loki";
  kind: "label values" | "label names" | "metrics" | "query result";
  label?: string;
  selector?: string;
  expression?: string;
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
const listOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** The text of a variable's query, whatever way Grafana kept it. */
export function queryText(variable: Variable): string {
  const { query } = variable;
  if (typeof query === "string") return query;
  const { query: inner, label, stream, metric, qryType, type } = query ?? {};
  if (typeof inner === "string" && inner !== "") return inner;
  if ((type === 1 || qryType === 1) && textOf(label)) {
    const selector = textOf(stream) || textOf(metric);
    return selector ? `label_values(${selector}, ${textOf(label)})` : `label_values(${textOf(label)})`;
  }
  return "";
}

/** What a variable's query asks for; undefined where it cannot be read. */
export function optionQuestion(text: string, source: "prometheus" | "loki"): OptionQuestion | undefined {
  const trimmed = text.trim();
  const values = /^label_values\(\s*(?:(.+),)?\s*([A-Za-z_]\w*)\s*\)$/s.exec(trimmed);
  if (values)
    return { source, kind: "label values", label: values[2]!, ...(values[1] ? { selector: values[1].trim() } : {}) };
  if (/^label_names\(\s*\)$/.test(trimmed)) return { source, kind: "label names" };
  const metrics = /^metrics\((.+)\)$/s.exec(trimmed);
  if (metrics) return { source, kind: "metrics", expression: metrics[1]!.trim() };
  const result = /^query_result\((.+)\)$/s.exec(trimmed);
  return result && source === "prometheus" ? { source, kind: "query result", expression: result[1]! } : undefined;
}

/** Options of a list such as `a, b : c`: the text before the colon, the value after it; a comma is escaped by `\`. */
export function customOptions(text: string): Option[] {
  return (text.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const plain = part.replace(/\\,/g, ",").trim(),
      named = /^\s*(.+)\s:\s(.+)$/.exec(plain);
    return named ? { text: named[1]!.trim(), value: named[2]!.trim() } : { text: plain, value: plain };
  });
}

/** What a regular expression leaves of values: its groups `text` and `value`, or its first group, or the whole. */
export function filteredOptions(values: readonly string[], regex: string | undefined): Option[] {
  const pattern = regex ? regularExpression(regex) : undefined,
    found = new Map<string, Option>();
  for (const whole of values) {
    const match = pattern ? pattern.exec(whole) : undefined;
    if (match === null) continue;
    const value = match?.groups?.value ?? match?.groups?.text ?? match?.[1] ?? whole;
    found.set(value, { text: match?.groups?.text ?? value, value });
  }
  return [...found.values()];
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
/** Grafana's orders: 1 alphabetical, 3 numerical, 5 alphabetical without case, 7 natural; even ones descend. */
export function sortedOptions(options: readonly Option[], sort = 0): Option[] {
  if (sort === 0) return [...options];
  const firstNumber = ({ text }: Option): number => Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0] ?? NaN);
  const compare: Record<number, (a: Option, b: Option) => number> = {
    1: (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0),
    2: (a, b) => (firstNumber(a) || 0) - (firstNumber(b) || 0),
    3: (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()),
    4: (a, b) => collator.compare(a.text, b.text),
  };
  const sign = sort % 2 === 0 ? -1 : 1;
  return [...options].sort((a, b) => sign * compare[Math.ceil(sort / 2)]!(a, b));
}

/** Intervals that may be chosen; `auto` is the one that fits the range. */
function intervalOptions(variable: Variable): Option[] {
  const given = customOptions(queryText(variable));
  return variable.auto ? [{ text: "auto", value: `$__auto_interval_${variable.name}` }, ...given] : given;
}

/** Variables after those that their queries refer to; those that go in a circle keep their order. */
export function inOrder(variables: readonly Variable[]): Variable[] {
  const left = [...variables],
    found: Variable[] = [];
  while (left.length > 0) {
    const isFree = (one: Variable): boolean => !left.some((other) => other !== one && needs(one).includes(other.name));
    const index = Math.max(0, left.findIndex(isFree));
    found.push(...left.splice(index, 1));
  }
  return found;
}

/** The variables that a variable's options are made with. */
const needs = (variable: Variable): string[] => referred(`${queryText(variable)} ${variable.regex ?? ""}`);

/**
 * Resolve variables in the order in which they need each other.
 *
 * Args:
 *   chosenOf: what the address says is chosen; undefined where it says nothing.
 *   ask: asks a store for values.
 */
export async function resolveVariables(
  variables: readonly Variable[],
  chosenOf: (name: string) => string[] | undefined,
  range: Range,
  ask: OptionSource,
  signal: AbortSignal,
): Promise<Resolved[]> {
  const found: Resolved[] = [];
  for (const variable of inOrder(variables))
    found.push(await resolved(variable, chosenOf(variable.name), scopeOf(found), range, ask, signal));
  return variables.map(({ name }) => found.find(({ variable }) => variable.name === name)!);
}

async function resolved(
  variable: Variable,
  chosen: string[] | undefined,
  scope: Scope,
  range: Range,
  ask: OptionSource,
  signal: AbortSignal,
): Promise<Resolved> {
  let options: Option[] = [],
    error: Error | undefined;
  try {
    options = await optionsOf(variable, scope, range, ask, signal);
  } catch (problem) {
    if (signal.aborted) throw problem;
    error = problem as Error;
  }
  const now = chosenNow(variable, options, chosen);
  return { variable, options, chosen: now, value: valueOf(variable, options, now, range), ...(error ? { error } : {}) };
}

async function optionsOf(
  variable: Variable,
  scope: Scope,
  range: Range,
  ask: OptionSource,
  signal: AbortSignal,
): Promise<Option[]> {
  switch (variable.type) {
    case "custom":
      return customOptions(interpolate(queryText(variable), scope, "title"));
    case "interval":
      return intervalOptions(variable);
    case "query": {
      const source =
        typeof variable.datasource === "object" && variable.datasource?.type === "loki" ? "loki" : "prometheus";
      const text = interpolate(queryText(variable), { ...builtIn(range), ...scope }, "query"),
        question = optionQuestion(text, source);
      if (!question) throw new Error(`The query of variable ${variable.name} cannot be read: ${text}`);
      const values = await ask(question, range, signal);
      return sortedOptions(
        filteredOptions(values, variable.regex && interpolate(variable.regex, scope, "title")),
        variable.sort,
      );
    }
    default:
      return [];
  }
}

/** What is chosen: what the address says, else the dashboard where that is an option, else the first option. */
function chosenNow(variable: Variable, options: readonly Option[], chosen: string[] | undefined): string[] {
  const isFree = variable.type === "textbox" || variable.type === "constant";
  if (chosen !== undefined && variable.type !== "constant")
    return variable.multi ? withoutAllBeside(chosen) : chosen.slice(0, 1);
  if (isFree) return [textOf(variable.current?.value) || queryText(variable)];
  const usual = listOf(variable.current?.value),
    known = usual.filter((value) =>
      value === ALL ? variable.includeAll : options.some((option) => option.value === value) || options.length === 0,
    );
  if (known.length > 0) return variable.multi ? known : known.slice(0, 1);
  if (variable.includeAll && options.length > 0 && usual.length === 0) return [ALL];
  return options.slice(0, 1).map(({ value }) => value);
}

/** What is chosen after a choice: all goes with nothing else, and nothing becomes all where all may be chosen. */
export function withoutAllBeside(chosen: readonly string[]): string[] {
  return chosen.length > 1 && chosen.includes(ALL) ? chosen.filter((value) => value !== ALL) : [...chosen];
}

function valueOf(variable: Variable, options: readonly Option[], chosen: readonly string[], range: Range): Value {
  const isAll = chosen.includes(ALL),
    isMulti = Boolean(variable.multi || variable.includeAll);
  if (isAll) {
    const values = options.map(({ value }) => value);
    return {
      values: values.length > 0 ? values : [".*"],
      texts: ["All"],
      isMulti: true,
      isAll: true,
      ...(variable.allValue ? { all: variable.allValue } : {}),
    };
  }
  const values = chosen.map((value) => (value.startsWith("$__auto_interval_") ? autoInterval(variable, range) : value));
  return {
    values,
    texts: chosen.map((value) => options.find((option) => option.value === value)?.text ?? value),
    isMulti,
  };
}

const autoInterval = (variable: Variable, range: Range): string =>
  written(intervalFor(range, variable.auto_count ?? 30, leastInterval(variable.auto_min) ?? 10_000));

export const scopeOf = (resolved: readonly Resolved[]): Scope =>
  Object.fromEntries(resolved.map(({ variable, value }) => [variable.name, value]));
