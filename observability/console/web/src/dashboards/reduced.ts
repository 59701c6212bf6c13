/** Series and rows brought down to single values, for stats, gauges and bars. */
import { calculate } from "../charts/calculations.ts";
import { type Display, regularExpression, type ShownField, shownFields } from "./fields.ts";
import { type Cell, type Frame, numbers } from "./frames.ts";
import type { Scope } from "./interpolation.ts";
import type { Panel } from "./json.ts";

export interface Reduced {
  name: string;
  display: Display;
  shown: ShownField;
  /** The values over time that it was brought down from; none for rows. */
  values: readonly (number | null)[];
  /** The change from the first value to the last, as a share. */
  change: number | null;
}
interface ReduceOptions {
  calcs?: string[];
  values?: boolean;
  limit?: number;
  fields?: string;
}

const USUAL_ROWS = 25;

/** The values of a panel as its `reduceOptions` say. */
export function reducedValues(panel: Panel, frames: readonly Frame[], scope: Scope): Reduced[] {
  const {
    calcs = [],
    values = false,
    limit = USUAL_ROWS,
    fields = "",
  } = (panel.options?.reduceOptions ?? {}) as ReduceOptions;
  const wanted = (shown: ShownField): boolean =>
    fields === ""
      ? shown.field.kind === "number"
      : fields.startsWith("/")
        ? regularExpression(fields).test(shown.name)
        : shown.name === fields;
  const shown = shownFields(panel, frames, scope, []).filter(
    (field) => field.custom.hideFrom === undefined || (field.custom.hideFrom as { viz?: boolean }).viz !== true,
  );
  const chosen = shown.filter((field) => wanted(field) && (fields !== "" || field.field.kind !== "time"));
  if (values) return rowValues(shown, chosen, limit);
  return chosen.map((field) => {
    const own = numbers(field.field),
      cell: Cell =
        field.field.kind === "number"
          ? calculate(calcs[0] ?? "lastNotNull", own)
          : (field.field.values[field.field.values.length - 1] ?? null);
    const first = own.find((value) => value !== null) ?? null,
      last = calculate("lastNotNull", own);
    return {
      name: field.name,
      display: field.display(cell),
      shown: field,
      values: own,
      change: first !== null && last !== null && first !== 0 ? (last - first) / Math.abs(first) : null,
    };
  });
}

/** A value for each row; named by the row's texts, and by the field where several are shown. */
function rowValues(all: readonly ShownField[], chosen: readonly ShownField[], limit: number): Reduced[] {
  return chosen
    .flatMap((field) =>
      field.field.values.slice(0, limit).map((cell, index): Reduced => {
        const texts = all
          .filter((one) => one.field.kind === "string" && one.field.values.length === field.field.values.length)
          .map((one) => String(one.field.values[index] ?? ""));
        const name = [...texts, ...(chosen.length > 1 || texts.length === 0 ? [field.name] : [])].join(" ");
        return { name, display: field.display(cell), shown: field, values: [], change: null };
      }),
    )
    .slice(0, limit);
}
