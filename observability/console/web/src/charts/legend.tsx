/** The names of a chart's curves, with calculations; a name isolates its curve. */
import { type Format } from "../units.ts";
import { calculate, calculationTitle } from "./calculations.ts";
import type { Curve } from "./curves.ts";

export interface LegendOptions {
  mode: "list" | "table" | "hidden";
  placement?: "bottom" | "right";
  /** Ids of calculations, each a column. */
  calculations?: readonly string[];
}

interface LegendProps {
  curves: readonly Curve[];
  format: Format;
  options: LegendOptions;
  only: readonly string[];
  /** What is shown alone from now on; empty for all. */
  onOnly: (only: string[]) => void;
  /** What the rows are sorted by, as `onSort` was given it; the curves' own order where it is empty. */
  sort: string;
  onSort: (sort: string) => void;
}

interface Row {
  curve: Curve;
  values: (number | null)[];
}
interface Order {
  column: number;
  isDescending: boolean;
}

export function Legend({ curves, format, options, only, onOnly, sort, onSort }: LegendProps) {
  const order = orderOf(sort);
  const calculations = options.calculations ?? [];
  const rows = curves
    .filter(({ isInLegend = true }) => isInLegend)
    .map((curve) => ({ curve, values: calculations.map((id) => calculate(id, curve.values)) }));
  const pick = (name: string, isMore: boolean): void => onOnly(picked(only, name, isMore));
  if (options.mode === "list") {
    return (
      <ul class="legend list" tabIndex={0} aria-label="Legend">
        {sorted(rows, order).map(({ curve, values }, index) => (
          <li key={index} data-curve={curve.name}>
            <Name curve={curve} only={only} pick={pick} />
            {values.map((value, column) => (
              <span key={column} class="faint" data-calculation={calculations[column]} data-value={value ?? ""}>
                {" "}
                {calculationTitle(calculations[column]!)}: {(curve.format ?? format)(value)}
              </span>
            ))}
          </li>
        ))}
      </ul>
    );
  }
  const heading = (column: number, title: string) => (
    <th key={column} class={column < 0 ? "" : "number"} aria-sort={sortOf(order, column)}>
      <button onClick={() => onSort(turned(order, column))}>
        {title}
        {order?.column === column ? (order.isDescending ? " ▾" : " ▴") : ""}
      </button>
    </th>
  );
  return (
    <div class="legend" tabIndex={0} role="group" aria-label="Legend">
      <table>
        <thead>
          <tr>
            {heading(-1, "Name")}
            {calculations.map((id, column) => heading(column, calculationTitle(id)))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, order).map(({ curve, values }, index) => (
            <tr key={index} data-curve={curve.name}>
              <td>
                <Name curve={curve} only={only} pick={pick} />
              </td>
              {values.map((value, column) => (
                <td key={column} class="number" data-calculation={calculations[column]} data-value={value ?? ""}>
                  {(curve.format ?? format)(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Name({
  curve,
  only,
  pick,
}: {
  curve: Curve;
  only: readonly string[];
  pick: (name: string, isMore: boolean) => void;
}) {
  const isAlone = only.includes(curve.name),
    isOff = only.length > 0 && !isAlone;
  return (
    <button
      class={isOff ? "curve off" : "curve"}
      aria-pressed={isAlone}
      title="Show alone; with Ctrl, add or leave out"
      onClick={(event) => pick(curve.name, event.ctrlKey || event.metaKey || event.shiftKey)}
    >
      <span class="swatch" style={{ background: curve.colour }} />
      {curve.name}
    </button>
  );
}

/** What is shown alone after a name was picked: that alone, all again, or one more or less. */
function picked(only: readonly string[], name: string, isMore: boolean): string[] {
  if (!isMore) return only.length === 1 && only[0] === name ? [] : [name];
  return only.includes(name) ? only.filter((one) => one !== name) : [...only, name];
}

const sortOf = (order: Order | undefined, column: number): "ascending" | "descending" | "none" =>
  order?.column !== column ? "none" : order.isDescending ? "descending" : "ascending";

/** Numbers are sorted from the highest first, names from A; a third turn gives the curves' own order. */
function turned(order: Order | undefined, column: number): string {
  const first = column >= 0;
  if (order?.column !== column) return sortText(column, first);
  return order.isDescending === first ? sortText(column, !first) : "";
}

const sortText = (column: number, isDescending: boolean): string => `${isDescending ? "-" : ""}${column + 1}`;

/** An order as `sortText` writes it: the column, the name being 0, with a minus sign where it is descending. */
function orderOf(text: string): Order | undefined {
  const found = /^(-?)(\d{1,2})$/.exec(text);
  return found ? { column: Number(found[2]) - 1, isDescending: found[1] === "-" } : undefined;
}

function sorted(rows: readonly Row[], order: Order | undefined): Row[] {
  if (!order) return [...rows];
  const { column, isDescending } = order,
    sign = isDescending ? -1 : 1;
  return [...rows].sort(
    (a, b) =>
      sign *
      (column < 0
        ? a.curve.name.localeCompare(b.curve.name)
        : (a.values[column] ?? -Infinity) - (b.values[column] ?? -Infinity) || 0),
  );
}
