/** Durations, moments, ranges, and how they are written. */
import { preferences } from "./preferences.ts";

/** From and to, milliseconds since the epoch. */
export interface Range { from: number; to: number }

const SECOND = 1e3, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, WEEK = 7 * DAY;
const UNITS: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: WEEK, M: 30 * DAY, y: 365 * DAY };
/** Steps of a query, as Grafana rounds them, seconds. */
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800];

/** A duration such as `10s` or `1.5h` in milliseconds; undefined where the text is none. */
export function duration(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)(ms|[smhdwMy])$/.exec(text.trim());
  return found ? Number(found[1]) * UNITS[found[2]!]! : undefined;
}

/** The end of the year 9999, milliseconds since the epoch. A little further a Date holds no time, and a page none it can write. */
const FURTHEST = 253_402_300_799_999;

/** A moment: `now`, `now-30m`, `now+5m`, milliseconds since the epoch, or an ISO 8601 time; undefined where it is none. */
export function moment(text: string, now: number): number | undefined {
  const found = momentOf(text, now);
  return found !== undefined && Math.abs(found) <= FURTHEST ? found : undefined;
}

function momentOf(text: string, now: number): number | undefined {
  const relative = /^now(?:([+-])(\w+))?$/.exec(text.trim());
  if (relative) {
    const away = relative[2] === undefined ? 0 : duration(relative[2]);
    return away === undefined ? undefined : now + (relative[1] === "-" ? -away : away);
  }
  if (/^\d{10,}$/.test(text)) return Number(text);
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** The range of two moments; the last half hour where one cannot be read or they are in the wrong order. */
export function rangeOf(from: string, to: string, now = Date.now()): Range {
  const start = moment(from, now), end = moment(to, now);
  return start === undefined || end === undefined || start >= end ? { from: now - 30 * MINUTE, to: now } : { from: start, to: end };
}

/** A round step in milliseconds that gives at most `points` values over the range, none below `least`. */
export function stepFor(range: Range, points: number, least = 5 * SECOND): number {
  const raw = (range.to - range.from) / Math.max(1, points);
  return Math.max(least, (STEPS.find((step) => step * SECOND >= raw) ?? STEPS.at(-1)!) * SECOND);
}

/** A duration in the largest unit that divides it, as query languages write it. */
export function written(milliseconds: number): string {
  for (const [unit, size] of [["d", DAY], ["h", HOUR], ["m", MINUTE], ["s", SECOND]] as const) {
    if (milliseconds >= size && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return `${milliseconds}ms`;
}

interface Fields { year: number; month: number; day: number; hour: number; minute: number; second: number; millisecond: number }

function fields(milliseconds: number): Fields {
  const at = new Date(milliseconds);
  return preferences().zone === "utc"
    ? { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds(), millisecond: at.getUTCMilliseconds() }
    : { year: at.getFullYear(), month: at.getMonth() + 1, day: at.getDate(), hour: at.getHours(), minute: at.getMinutes(), second: at.getSeconds(), millisecond: at.getMilliseconds() };
}

const padded = (value: number, digits = 2): string => String(value).padStart(digits, "0");

/** `14:03:59`, in the chosen time zone. */
export function clock(milliseconds: number): string {
  const { hour, minute, second } = fields(milliseconds);
  return `${padded(hour)}:${padded(minute)}:${padded(second)}`;
}

/** `2026-01-31 14:03:59`, in the chosen time zone. */
export function dateTime(milliseconds: number): string {
  const { year, month, day } = fields(milliseconds);
  return `${year}-${padded(month)}-${padded(day)} ${clock(milliseconds)}`;
}

/** `2026-01-31 14:03:59.123`, in the chosen time zone. */
export const stamp = (milliseconds: number): string => `${dateTime(milliseconds)}.${padded(fields(milliseconds).millisecond, 3)}`;

/** How long ago: `12 s`, `3 min`, `5 h`, `2 d`. */
export function age(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < MINUTE) return `${Math.round(value / SECOND)} s`;
  if (value < HOUR) return `${Math.round(value / MINUTE)} min`;
  return value < 2 * DAY ? `${Math.round(value / HOUR)} h` : `${Math.round(value / DAY)} d`;
}
