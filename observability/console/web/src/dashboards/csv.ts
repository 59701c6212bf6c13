/** Frames as comma-separated values (RFC 4180). */
import { dateTime } from "../time.ts";
import { baseName } from "./fields.ts";
import { aligned, type Cell, type Field, type Frame, lengthOf } from "./frames.ts";

export interface Rows {
  names: string[];
  rows: Cell[][];
}

/** What a panel shows as one table: series side by side over their times, tables as they are, below each other. */
export function rowsOf(frames: readonly Frame[]): Rows {
  const isSeries = frames.length > 1 && frames.every(({ fields }) => fields.length === 2 && fields[0]!.kind === "time");
  if (isSeries) {
    const { times, fields } = aligned(frames);
    return {
      names: ["Time", ...fields.map(({ field }) => baseName(field))],
      rows: times.map((at, index) => [at, ...fields.map(({ values }) => values[index] ?? null)]),
    };
  }
  const names = [...new Set(frames.flatMap(({ fields }) => fields.map(baseName)))];
  const rows = frames.flatMap((frame) =>
    Array.from({ length: lengthOf(frame) }, (_, index) =>
      names.map((name) => frame.fields.find((field) => baseName(field) === name)?.values[index] ?? null),
    ),
  );
  return { names, rows };
}

/** Whether a column holds times. */
export const isTime = (frames: readonly Frame[], name: string): boolean =>
  frames.some(({ fields }) => fields.some((field: Field) => field.kind === "time" && baseName(field) === name));

/** A text that begins like a formula is written so that a spreadsheet does not run it. */
function quoted(cell: Cell | string): string {
  const text = cell === null ? "" : typeof cell === "string" && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

export function csv(frames: readonly Frame[]): string {
  const { names, rows } = rowsOf(frames),
    times = names.map((name) => isTime(frames, name));
  return (
    [
      names,
      ...rows.map((row) =>
        row.map((cell, index) => (times[index] && typeof cell === "number" ? dateTime(cell) : cell)),
      ),
    ]
      .map((row) => row.map(quoted).join(","))
      .join("\r\n") + "\r\n"
  );
}
