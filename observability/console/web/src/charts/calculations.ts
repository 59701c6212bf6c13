/** What many values are brought down to, by the ids of Grafana's dashboards. */

type Values = readonly (number | null | undefined)[];
interface Calculation {
  /** As Grafana heads the column of a legend. */
  title: string;
  /** The value of it; null where there is none. */
  of: (values: Values) => number | null;
}

const present = (values: Values): number[] =>
  values.filter((value): value is number => typeof value === "number" && !Number.isNaN(value));
const total = (values: Values): number => present(values).reduce((sum, value) => sum + value, 0);
const least = (values: Values): number | null =>
  present(values).reduce<number | null>((low, value) => (low === null || value < low ? value : low), null);
const most = (values: Values): number | null =>
  present(values).reduce<number | null>((high, value) => (high === null || value > high ? value : high), null);
const lastPresent = (values: Values): number | null => present(values).pop() ?? null;
const firstPresent = (values: Values): number | null => present(values)[0] ?? null;
const mean = (values: Values): number | null =>
  present(values).length > 0 ? total(values) / present(values).length : null;
const difference = (values: Values): number | null => {
  const found = present(values);
  return found.length > 0 ? found[found.length - 1]! - found[0]! : null;
};

function variance(values: Values): number | null {
  const found = present(values),
    middle = mean(values);
  return middle === null ? null : found.reduce((sum, value) => sum + (value - middle) ** 2, 0) / found.length;
}

/** The value that a share of the values does not exceed, nearest rank, as Grafana counts. */
function quantile(share: number): Calculation["of"] {
  return (values) => {
    const sorted = present(values).sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) * share)] ?? null;
  };
}

const CALCULATIONS: Record<string, Calculation> = {
  lastNotNull: { title: "Last *", of: lastPresent },
  last: { title: "Last", of: (values) => values[values.length - 1] ?? null },
  firstNotNull: { title: "First *", of: firstPresent },
  first: { title: "First", of: (values) => values[0] ?? null },
  min: { title: "Min", of: least },
  max: { title: "Max", of: most },
  mean: { title: "Mean", of: mean },
  median: { title: "Median", of: (values) => middleOf(present(values).sort((a, b) => a - b)) },
  sum: { title: "Total", of: total },
  count: { title: "Count", of: (values) => values.length },
  range: {
    title: "Range",
    of: (values) => {
      const low = least(values),
        high = most(values);
      return low === null || high === null ? null : high - low;
    },
  },
  delta: { title: "Delta", of: rise },
  diff: { title: "Difference", of: difference },
  diffperc: {
    title: "Difference percent",
    of: (values) => {
      const first = firstPresent(values),
        change = difference(values);
      return first && change !== null ? change / first : null;
    },
  },
  stdDev: {
    title: "StdDev",
    of: (values) => {
      const found = variance(values);
      return found === null ? null : Math.sqrt(found);
    },
  },
  variance: { title: "Variance", of: variance },
  distinctCount: { title: "Distinct Count", of: (values) => new Set(present(values)).size },
  p50: { title: "50th %", of: quantile(0.5) },
  p90: { title: "90th %", of: quantile(0.9) },
  p95: { title: "95th %", of: quantile(0.95) },
  p99: { title: "99th %", of: quantile(0.99) },
};

function middleOf(sorted: readonly number[]): number | null {
  const upper = sorted[Math.floor(sorted.length / 2)],
    lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}

/** The rise of a counter, resets taken as starts from zero. */
function rise(values: Values): number | null {
  const found = present(values);
  return found.length === 0
    ? null
    : found.slice(1).reduce((sum, value, index) => sum + (value < found[index]! ? value : value - found[index]!), 0);
}

export const isCalculation = (id: string): boolean => Object.hasOwn(CALCULATIONS, id);
export const calculationTitle = (id: string): string =>
  (Object.hasOwn(CALCULATIONS, id) ? CALCULATIONS[id]?.title : undefined) ?? id;

/** A calculation over values; the last one present where the id is unknown. */
export const calculate = (id: string, values: Values): number | null =>
  ((Object.hasOwn(CALCULATIONS, id) ? CALCULATIONS[id] : undefined) ?? CALCULATIONS.lastNotNull!).of(values);
