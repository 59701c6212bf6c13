/** Puts variables into queries, titles and links. */
import { written as durationOf, type Range } from "../time.ts";

/** What a variable stands for. */
export interface Value {
  values: readonly string[];
  /** As titles say it. */
  texts: readonly string[];
  /** Whether several may be chosen, so that one is written as a regular expression too. */
  isMulti: boolean;
  /** Whether all are chosen; then a custom `all` is put in as it is. */
  isAll?: boolean;
  all?: string;
}
export type Scope = Readonly<Record<string, Value>>;
/** What text is interpolated for, which decides how values are written where the text does not say. */
export type Purpose = "query" | "title" | "link";

const REFERENCE = /\$\{(\w+(?:[.[][^:}]*)?)(?::([^}]*))?\}|\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]/g;
const SPECIAL = /[\\^$.*+?()[\]{}|]/g;

/** Backslashes and quotes as a string of PromQL or LogQL needs them. */
const quotable = (value: string): string => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"');
/** A value that stands for itself in a regular expression within a string. */
const literally = (value: string): string => value.replace(SPECIAL, "\\$&").replace(/\\/g, "\\\\").replace(/"/g, '\\"');

type Formatter = (values: readonly string[], name: string) => string;
const FORMATS: Record<string, Formatter> = {
  raw: (values) => values.join(","),
  csv: (values) => values.join(","),
  pipe: (values) => values.join("|"),
  regex: (values) =>
    values.length === 1
      ? values[0]!.replace(SPECIAL, "\\$&")
      : `(${values.map((value) => value.replace(SPECIAL, "\\$&")).join("|")})`,
  glob: (values) => (values.length === 1 ? values[0]! : `{${values.join(",")}}`),
  json: (values) => JSON.stringify(values.length === 1 ? values[0] : values),
  singlequote: (values) => values.map((value) => `'${value.replace(/'/g, "\\'")}'`).join(","),
  doublequote: (values) => values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(","),
  percentencode: (values) => encodeURIComponent(FORMATS.glob!(values, "")),
  queryparam: (values, name) => values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join("&"),
  distributed: (values, name) => values.map((value, index) => (index === 0 ? value : `${name}=${value}`)).join(","),
};
const DATE_FORMATS: Record<string, (milliseconds: number) => string> = {
  "": (at) => String(at),
  date: (at) => new Date(at).toISOString(),
  "date:iso": (at) => new Date(at).toISOString(),
  "date:seconds": (at) => String(Math.floor(at / 1e3)),
};

export const isFormat = (format: string): boolean =>
  format === "text" || Object.hasOwn(FORMATS, format) || Object.hasOwn(DATE_FORMATS, format);

/** The text with its variables put in. What has no value stays as it is. */
export function interpolate(text: string, scope: Scope, purpose: Purpose): string {
  return text.replace(
    REFERENCE,
    (
      whole: string,
      braced: string | undefined,
      given: string | undefined,
      bare: string | undefined,
      bracketed: string | undefined,
      other: string | undefined,
    ) => {
      const name = braced ?? bare ?? bracketed ?? "",
        value = Object.hasOwn(scope, name) ? scope[name] : undefined;
      return value === undefined ? whole : writtenAs(value, name, given ?? other, purpose);
    },
  );
}

/** The variables that a text refers to. */
export const referred = (text: string): string[] =>
  [...text.matchAll(REFERENCE)].map((found) => found[1] ?? found[3] ?? found[4] ?? "");

function writtenAs(value: Value, name: string, format: string | undefined, purpose: Purpose): string {
  const { values, texts, isMulti, isAll, all } = value;
  if ((format === undefined && purpose === "title") || format === "text") return texts.join(" + ");
  if (isAll && all) return all;
  if (format !== undefined && Object.hasOwn(FORMATS, format)) return FORMATS[format]!(values, name);
  const date = format === undefined ? undefined : DATE_FORMATS[format];
  if (date) return date(Number(values[0]));
  if (purpose === "link") return encodeURIComponent(FORMATS.glob!(values, name));
  if (!isMulti) return values.length === 1 && name.startsWith("__") ? values[0]! : quotable(values.join(","));
  return values.length === 1 ? literally(values[0]!) : `(${values.map(literally).join("|")})`;
}

const constant = (value: string | number): Value => ({
  values: [String(value)],
  texts: [String(value)],
  isMulti: false,
});

/** Grafana's own variables of a range, and of a query's step where it is known; milliseconds. */
export function builtIn(range: Range, steps?: { interval: number; rate: number }): Scope {
  const span = Math.round((range.to - range.from) / 1e3);
  const scope: Record<string, Value> = {
    __from: constant(Math.round(range.from)),
    __to: constant(Math.round(range.to)),
    __range: constant(`${span}s`),
    __range_s: constant(span),
    __range_ms: constant(span * 1e3),
  };
  if (steps) {
    const interval = durationOf(steps.interval);
    Object.assign(scope, {
      __interval: constant(interval),
      __interval_ms: constant(steps.interval),
      __auto: constant(interval),
      __rate_interval: constant(durationOf(steps.rate)),
      __rate_interval_ms: constant(steps.rate),
    });
  }
  return scope;
}
/** The names of Grafana's own variables that have a value here. */
export const BUILT_IN: readonly string[] = [
  "__from",
  "__to",
  "__range",
  "__range_s",
  "__range_ms",
  "__interval",
  "__interval_ms",
  "__auto",
  "__rate_interval",
  "__rate_interval_ms",
];
