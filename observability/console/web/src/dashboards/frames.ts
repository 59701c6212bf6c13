/** What stores answer, as tables of fields: what transformations and panels work on. */
import type { Labels, Sample, Series } from "../stores/prometheus.ts";
import type { Target } from "./json.ts";

export type Cell = string | number | boolean | null;
export interface Field {
  name: string;
  kind: "time" | "number" | "string";
  labels: Labels;
  values: Cell[];
  /** As the query calls it; before what field configuration says. */
  title?: string;
}
export interface Frame {
  refId: string;
  fields: Field[];
}

export const lengthOf = (frame: Frame): number => frame.fields[0]?.values.length ?? 0;
export const numbers = (field: Field): (number | null)[] =>
  field.values.map((value) => (typeof value === "number" ? value : null));

/** A series' name: the legend's `{{label}}` by its labels, or the labels themselves. */
export function legendOf(legend: string | undefined, labels: Labels): string {
  if (legend && legend !== "__auto")
    return legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
  const { __name__: metric = "", ...rest } = labels,
    names = Object.keys(rest).sort();
  if (legend === "__auto" && names.length === 1) return rest[names[0]!]!;
  const pairs = names.map((name) => `${name}="${rest[name]}"`);
  return pairs.length > 0 ? `${metric}{${pairs.join(", ")}}` : metric || "Value";
}

/** A number as Prometheus writes it; NaN is no value. */
function numberOf(text: string): number | null {
  const value = text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
  return Number.isNaN(value) ? null : value;
}

/** The times of a query over time, from its start to its end; milliseconds. */
export function grid(from: number, to: number, step: number): number[] {
  const first = Math.floor(from / step) * step,
    count = Math.floor(to / step) - Math.floor(from / step) + 1;
  return Array.from({ length: count }, (_, index) => first + index * step);
}

/** A frame for each series, all over the same times; null where a series has no value. */
export function seriesFrames(
  target: Target,
  series: readonly Series[],
  times: readonly number[],
  step: number,
): Frame[] {
  return series.map(({ metric, values }) => {
    const cells: Cell[] = new Array<Cell>(times.length).fill(null),
      first = times[0] ?? 0;
    for (const [at, text] of values) {
      const index = Math.round((at * 1e3 - first) / step);
      if (index >= 0 && index < cells.length) cells[index] = numberOf(text);
    }
    return frameOf(target, metric, [...times], cells);
  });
}

/** A frame for each series of a query at one moment. */
export const sampleFrames = (target: Target, samples: readonly Sample[]): Frame[] =>
  samples.map(({ metric, value: [at, text] }) => frameOf(target, metric, [at * 1e3], [numberOf(text)]));

function frameOf(target: Target, labels: Labels, times: number[], values: Cell[]): Frame {
  const title = legendOf(target.legendFormat, labels);
  return {
    refId: target.refId,
    fields: [
      { name: "Time", kind: "time", labels: {}, values: times },
      { name: "Value", kind: "number", labels, values, title },
    ],
  };
}

/** One table of all series: a column for each label, a row for each value. `isAlone`: the panel has no other query. */
export function tableFrame(target: Target, frames: readonly Frame[], isAlone: boolean): Frame {
  const names = [...new Set(frames.flatMap(({ fields }) => Object.keys(fields[1]!.labels)))].sort();
  const time: Field = { name: "Time", kind: "time", labels: {}, values: [] };
  const value: Field = { name: isAlone ? "Value" : `Value #${target.refId}`, kind: "number", labels: {}, values: [] };
  const columns = names.map((name): Field => ({ name, kind: "string", labels: {}, values: [] }));
  for (const {
    fields: [times, values],
  } of frames) {
    values!.values.forEach((cell, index) => {
      if (cell === null && frames.length > 0 && values!.values.length > 1) return;
      time.values.push(times!.values[index]!);
      value.values.push(cell);
      for (const column of columns) column.values.push(values!.labels[column.name] ?? "");
    });
  }
  return { refId: target.refId, fields: [time, ...columns, value] };
}

/** Buckets of a histogram, lowest first, each with what it holds itself rather than what is below its bound too. */
export function heatmapFrames(frames: readonly Frame[]): Frame[] {
  const bound = (frame: Frame): number => numberOf(frame.fields[1]!.labels.le ?? "") ?? NaN;
  const sorted = frames.filter((frame) => !Number.isNaN(bound(frame))).sort((a, b) => bound(a) - bound(b));
  return sorted.map((frame, index) => {
    const below = sorted[index - 1]?.fields[1]!.values,
      own = frame.fields[1]!;
    const values = own.values.map((cell, at) =>
      typeof cell === "number" ? Math.max(0, cell - ((below?.[at] as number | null | undefined) ?? 0)) : null,
    );
    return { ...frame, fields: [frame.fields[0]!, { ...own, title: own.labels.le ?? "", values }] };
  });
}

/** The number fields of all frames over one line of times: what a time series chart draws. */
export function aligned(frames: readonly Frame[]): {
  times: number[];
  fields: { field: Field; values: (number | null)[]; refId: string }[];
} {
  const timed = frames.filter(({ fields }) => fields.some(({ kind }) => kind === "time"));
  const clocks = timed.map(({ fields }) => fields.find(({ kind }) => kind === "time")!.values as number[]);
  const isOne = clocks.every(
    (clock) =>
      clock.length === clocks[0]!.length &&
      clock[0] === clocks[0]![0] &&
      clock[clock.length - 1] === clocks[0]![clock.length - 1],
  );
  const times = isOne ? (clocks[0] ?? []) : [...new Set(clocks.flat())].sort((a, b) => a - b);
  const positions = isOne ? undefined : new Map(times.map((at, index) => [at, index]));
  const fields = timed.flatMap((frame, index) =>
    frame.fields
      .filter(({ kind }) => kind === "number")
      .map((field) => {
        const own = numbers(field);
        if (!positions) return { field, values: own, refId: frame.refId };
        const values: (number | null)[] = new Array<number | null>(times.length).fill(null);
        clocks[index]!.forEach((at, row) => {
          values[positions.get(at)!] = own[row] ?? null;
        });
        return { field, values, refId: frame.refId };
      }),
  );
  return { times, fields };
}
