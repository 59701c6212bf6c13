/**
 * Numbers as Grafana writes them, by the ids its dashboards name units with. `units.golden.json` holds what Grafana's
 * own library wrote; the test compares.
 */
import { age, dateTime } from "./time.ts";

/** A written number; Grafana's stat panel writes what surrounds the number smaller than it. */
export interface Written {
  prefix: string;
  text: string;
  suffix: string;
}
/** How a unit is written; without `decimals` as many as the value needs. */
export type Format = (value: number | null | undefined, decimals?: number) => string;
type Writer = (value: number, decimals?: number) => Partial<Written> & { text: string };

const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"];
const THOUSANDS = ["", "K", "M", "B", "T"];
const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const SI_ONE = SI.indexOf("");
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/** Decimals for three significant digits, or two where the leading digits are small; none for whole numbers. */
function decimalsFor(value: number): number {
  if (value % 1 === 0) return 0;
  const size = Math.abs(value),
    magnitude = 1 - Math.floor(Math.log(size) / Math.LN10);
  return Math.max(0, size / 10 ** -magnitude > 2.25 ? magnitude + 1 : magnitude);
}

/** A number with exactly `decimals` decimals, or with as many as it needs. */
function fixed(value: number, decimals = decimalsFor(value)): string {
  if (!Number.isFinite(value)) return written(value);
  if (value === 0) return value.toFixed(Math.max(0, decimals));
  const factor = 10 ** Math.max(0, decimals);
  const text = String(Math.round(value * factor) / factor);
  if (text.includes("e")) return text;
  const missing = Math.max(0, decimals) - (text.split(".")[1]?.length ?? 0);
  return missing <= 0 ? text : `${text}${text.includes(".") ? "" : "."}${"0".repeat(missing)}`;
}

const written = (value: number): string => (Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞");

/** Numbers in steps of `factor`, each with its suffix; `one` is the index of the step that the number is given in. */
function scaled(factor: number, suffixes: readonly string[], one = 0): Writer {
  return (value, decimals) => {
    if (!Number.isFinite(value)) return { text: written(value) };
    const steps = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / Math.log10(factor));
    const step = Math.min(suffixes.length - 1, Math.max(0, one + steps));
    return { text: fixed(value / factor ** (step - one), decimals), suffix: suffixes[step]! };
  };
}

const si = (unit: string, from = 0): Writer =>
  scaled(
    1000,
    SI.map((prefix) => ` ${prefix}${unit}`),
    SI_ONE + from,
  );
const binary = (unit: string, from = 0): Writer =>
  scaled(
    1024,
    BINARY.map((prefix) => ` ${prefix}${unit}`),
    from,
  );
const counted = (unit: string): Writer =>
  scaled(
    1000,
    THOUSANDS.map((step) => `${step} ${unit}`),
  );
const suffixed =
  (unit: string): Writer =>
  (value, decimals) => ({ text: fixed(value, decimals), suffix: unit && ` ${unit}` });
const prefixed =
  (unit: string): Writer =>
  (value, decimals) => ({ text: fixed(value, decimals), prefix: unit });
const either =
  (yes: string, no: string): Writer =>
  (value) => ({ text: value ? yes : no });

function money(symbol: string, isSuffix = false): Writer {
  const write = scaled(1000, THOUSANDS);
  return (value, decimals) => {
    const { text, suffix = "" } = write(Math.abs(value), decimals),
      sign = value < 0 ? "-" : "";
    return isSuffix ? { prefix: sign, text, suffix: suffix + symbol } : { prefix: sign + symbol, text, suffix };
  };
}

/** A step of a time unit: below `below` of the given unit it is divided by `size` and called `name`. */
type TimeStep = [below: number, size: number, name: string];
const PLURAL = new Set(["min", "hour", "day", "week", "year"]);
const MINUTES: TimeStep[] = [
  [60, 1, "min"],
  [1440, 60, "hour"],
  [10080, 1440, "day"],
  [604800, 10080, "week"],
  [Infinity, 525948, "year"],
];
const HOURS: TimeStep[] = [
  [24, 1, "hour"],
  [168, 24, "day"],
  [8760, 168, "week"],
  [Infinity, 8760, "year"],
];
const DAYS: TimeStep[] = [
  [7, 1, "day"],
  [365, 7, "week"],
  [Infinity, 365, "year"],
];
const SECONDS: TimeStep[] = [
  [1e-6, 1e-9, "ns"],
  [1e-3, 1e-6, "µs"],
  [1, 1e-3, "ms"],
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "hour"],
  [604800, 86400, "day"],
  [31536000, 604800, "week"],
  [Infinity, 31556900, "year"],
];
const MILLISECONDS: TimeStep[] = [
  [1e3, 1, "ms"],
  [6e4, 1e3, "s"],
  [36e5, 6e4, "min"],
  [864e5, 36e5, "hour"],
  [31536e6, 864e5, "day"],
  [Infinity, 31536e6, "year"],
];
const MICROSECONDS: TimeStep[] = [
  [1e3, 1, "µs"],
  [1e6, 1e3, "ms"],
  [Infinity, 1e6, "s"],
];
const NANOSECONDS: TimeStep[] = [
  [1e3, 1, "ns"],
  [1e6, 1e3, "µs"],
  [1e9, 1e6, "ms"],
  [6e10, 1e9, "s"],
  [36e11, 6e10, "min"],
  [864e11, 36e11, "hour"],
  [Infinity, 864e11, "day"],
];

/** The singular of minutes and hours given as such stays: Grafana writes `2 min` there, `2 mins` of 120 s. */
function time(steps: readonly TimeStep[], neverPlural?: string): Writer {
  return (value, decimals) => {
    const [, size, name] = steps.find(([below]) => Math.abs(value) < below) ?? steps[steps.length - 1]!;
    const number = size < 1 ? value * Math.round(1 / size) : value / size;
    const plural = PLURAL.has(name) && name !== neverPlural && Math.abs(number) > 1 ? "s" : "";
    return { text: fixed(number, decimals), suffix: ` ${name}${plural}` };
  };
}

const seconds = time(SECONDS);
const SPANS: [string, number][] = [
  ["year", 31536e6],
  ["month", 2592e6],
  ["week", 6048e5],
  ["day", 864e5],
  ["hour", 36e5],
  ["minute", 6e4],
  ["second", 1e3],
  ["millisecond", 1],
];

/** A duration in words, its largest unit first, as many more units as there are decimals. */
function inWords(unit: "second" | "millisecond"): Writer {
  const size = unit === "second" ? 1e3 : 1;
  return (value, decimals = 0) => {
    if (value === 0) return { text: "0", suffix: ` ${unit}s` };
    const words: string[] = [];
    let left = Math.abs(value) * size;
    for (const [name, span] of SPANS) {
      if (words.length > decimals || (words.length === 0 && left < span)) continue;
      const count = Math.floor(left / span);
      words.push(`${count} ${name}${count === 1 ? "" : "s"}`);
      left %= span;
    }
    return { text: words.join(", "), suffix: value < 0 ? " ago" : "" };
  };
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");

/** `hh:mm:ss`, with the days in front where asked for. */
function clockOf(withDays: boolean): Writer {
  return (value) => {
    const size = Math.abs(value),
      days = withDays ? Math.floor(size / 86400) : 0,
      rest = size - days * 86400;
    const text = `${days > 0 ? `${days} d ` : ""}${two(rest / 3600)}:${two((rest % 3600) / 60)}:${two(rest % 60)}`;
    return { text, suffix: value < 0 ? " ago" : "" };
  };
}

const hexadecimal = (value: number, decimals?: number): string =>
  parseFloat(fixed(value, decimals)).toString(16).toUpperCase();

const WRITERS: Record<string, Writer> = {
  none: suffixed(""),
  string: (value) => ({ text: String(value) }),
  short: scaled(1000, SHORT),
  sishort: si(""),
  percent: (value, decimals) => ({ text: fixed(value, decimals), suffix: "%" }),
  percentunit: (value, decimals) => ({ text: fixed(100 * value, decimals), suffix: "%" }),
  locale: (value, decimals) => ({
    text: value.toLocaleString("en-US", decimals === undefined ? {} : { maximumFractionDigits: decimals }),
  }),
  sci: (value, decimals) => ({ text: value.toExponential(decimals) }),
  hex: (value, decimals) => ({ text: hexadecimal(value, decimals) }),
  hex0x: (value, decimals) => ({ text: hexadecimal(value, decimals).replace(/^-?/, "$&0x") }),
  bool: either("True", "False"),
  bool_yes_no: either("Yes", "No"),
  bool_on_off: either("On", "Off"),
  ns: time(NANOSECONDS),
  µs: time(MICROSECONDS),
  ms: time(MILLISECONDS),
  s: (value, decimals) => (value === 0 ? { text: "0", suffix: " s" } : seconds(value, decimals)),
  m: time(MINUTES, "min"),
  h: time(HOURS, "hour"),
  d: time(DAYS),
  timeticks: (value, decimals) => WRITERS.s!(value / 100, decimals),
  dtdurationms: inWords("millisecond"),
  dtdurations: inWords("second"),
  dthms: clockOf(false),
  dtdhms: clockOf(true),
  dateTimeAsIso: (value) => ({ text: dateTime(value) }),
  dateTimeAsSystem: (value) => ({ text: dateTime(value) }),
  dateTimeFromNow: (value) => ({
    text: value > Date.now() ? `in ${age(value - Date.now())}` : `${age(Date.now() - value)} ago`,
  }),
  humidity: suffixed("%H"),
  dB: suffixed("dB"),
  pixel: suffixed("px"),
  ppm: suffixed("ppm"),
  degree: suffixed("°"),
  celsius: suffixed("°C"),
  fahrenheit: suffixed("°F"),
  kelvin: suffixed("K"),
  hertz: si("Hz"),
  watt: si("W"),
  kwatt: si("W", 1),
  volt: si("V"),
  amp: si("A"),
  joule: si("J"),
  pps: si("p/s"),
  currencyUSD: money("$"),
  currencyEUR: money("€"),
  currencyGBP: money("£"),
  currencyJPY: money("¥"),
  currencySEK: money("kr", true),
  cps: counted("c/s"),
  ops: counted("ops/s"),
  reqps: counted("req/s"),
  rps: counted("rd/s"),
  wps: counted("wr/s"),
  iops: counted("io/s"),
  eps: counted("evt/s"),
  mps: counted("msg/s"),
  recps: counted("rec/s"),
  rowsps: counted("rows/s"),
  cpm: counted("c/m"),
  opm: counted("ops/m"),
  reqpm: counted("req/m"),
  rpm: counted("rd/m"),
  wpm: counted("wr/m"),
  epm: counted("evts/m"),
  mpm: counted("msgs/m"),
  recpm: counted("rec/m"),
  rowspm: counted("rows/m"),
  ...sizes(),
};

/** Bytes and bits, binary and decimal, whole and by the second, from each size on. */
function sizes(): Record<string, Writer> {
  const made: Record<string, Writer> = {
    bytes: binary("B"),
    decbytes: si("B"),
    bits: binary("b"),
    decbits: si("b"),
    binBps: binary("B/s"),
    Bps: si("B/s"),
    binbps: binary("b/s"),
    bps: si("b/s"),
  };
  ["k", "m", "g", "t", "p"].forEach((letter, index) => {
    const upper = letter.toUpperCase(),
      from = index + 1;
    made[`${letter}bytes`] = binary("B", from);
    made[`dec${letter}bytes`] = si("B", from);
    made[`${upper}iBs`] = binary("B/s", from);
    made[`${upper}ibits`] = binary("b/s", from);
    made[`${upper}Bs`] = si("B/s", from);
    made[`${upper}bits`] = si("b/s", from);
  });
  return made;
}

/** Units that are written by a rule: `suffix:x`, `prefix:x`, `si:mB`, `count:x`, `currency:x`, `bool:yes/no`. */
function ruled(unit: string): Writer | undefined {
  const [, rule, rest = ""] = /^(\w+):(.*)$/s.exec(unit) ?? [];
  switch (rule) {
    case "suffix":
      return suffixed(rest);
    case "prefix":
      return prefixed(rest);
    case "count":
      return counted(rest);
    case "currency":
      return rest.startsWith("financial:") ? undefined : money(rest);
    case "bool": {
      const [yes = "", no = "-"] = rest.split("/");
      return either(yes, no);
    }
    case "si": {
      const from = SI.indexOf(rest.charAt(0).normalize("NFKC").replace("μ", "µ"));
      return from < 0 || from === SI_ONE ? si(rest) : si(rest.slice(1), from - SI_ONE);
    }
    default:
      return undefined;
  }
}

/** Whether a unit counts in powers of 1024. */
export const isBinaryUnit = (unit: string | undefined): boolean =>
  unit !== undefined && /^(?:[kmgtp]?bytes|bits|binBps|binbps|[KMGTP]iB?(?:bit)?s)$/.test(unit);

/** A number with what surrounds it; nothing of null. */
export function partsOf(unit: string | undefined, value: number | null | undefined, decimals?: number): Written {
  if (value === null || value === undefined) return { prefix: "", text: "", suffix: "" };
  const name = unit || "none",
    write = (Object.hasOwn(WRITERS, name) ? WRITERS[name] : undefined) ?? ruled(name) ?? suffixed(name);
  return { prefix: "", suffix: "", ...write(value, decimals) };
}

/** How a unit is written. */
export function formatOf(unit: string | undefined, usualDecimals?: number): Format {
  return (value, decimals = usualDecimals) => {
    const { prefix, text, suffix } = partsOf(unit, value, decimals);
    return prefix + text + suffix;
  };
}

/** Texts of an axis' marks: as few decimals as tell them apart, the same for all. */
export function axisTexts(marks: readonly number[], format: Format): string[] {
  const exact = marks.map((mark) => Number(mark.toPrecision(12)));
  const texts = exact.map((mark) => format(mark));
  if (new Set(texts).size === texts.length) return texts;
  for (let decimals = 1; decimals < 6; decimals++) {
    const longer = exact.map((mark) => format(mark, decimals));
    if (new Set(longer).size === longer.length) return longer;
  }
  return texts;
}
