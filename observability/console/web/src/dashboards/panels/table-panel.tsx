/** A panel of rows and columns. */
import { useCanvasColours } from "../../charts/canvas-colours.ts";
import { calculate, calculationTitle } from "../../charts/calculations.ts";
import { go } from "../../router.ts";
import { dateTime } from "../../time.ts";
import { onColour, readable } from "../colours.ts";
import { type Display, type ShownField, shownFields, shownText } from "../fields.ts";
import { type Cell, type Frame, lengthOf, numbers } from "../frames.ts";
import { dataLinks } from "../links.ts";
import type { Scope } from "../interpolation.ts";
import { compareCells } from "../transformations.ts";
import { useView } from "../view.ts";
import type { PanelProps } from "./panel-props.ts";

interface TableOptions {
  showHeader?: boolean;
  cellHeight?: "sm" | "md" | "lg";
  sortBy?: { displayName: string; desc?: boolean }[];
  frameIndex?: number;
  footer?: { show?: boolean; reducer?: string[]; fields?: string[] | string };
}
interface ColumnOptions {
  align?: string;
  width?: number;
  minWidth?: number;
  hidden?: boolean;
  hideFrom?: { viz?: boolean };
  displayMode?: string;
  cellOptions?: { type?: string; valueDisplayMode?: string };
}

const MOST_ROWS = 500;

/** The name of a frame, where there are several to choose from. */
const frameTitle = (frame: Frame, index: number): string =>
  frame.fields.find(({ kind }) => kind === "number")?.title ?? `${frame.refId} ${index + 1}`;

export function TablePanel({ panelKey, panel, title, data, scope }: PanelProps) {
  const { place } = useView(),
    options = (panel.options ?? {}) as TableOptions,
    { showHeader = true, cellHeight = "sm" } = options;
  const chosen = Number(place.query.get(`frame-${panelKey}`) ?? options.frameIndex ?? 0),
    frame = data.frames[chosen] ?? data.frames[0];
  if (!frame) return null;
  const columns = shownFields(panel, [frame], scope, []).filter(
    (column) => !optionsOf(column).hidden && !optionsOf(column).hideFrom?.viz,
  );
  const order = orderOf(place.query.get(`sort-${panelKey}`), options),
    rows = sortedRows(frame, columns, order);
  return (
    <div class={`table-panel ${cellHeight}`} tabIndex={0} role="group" aria-label={title}>
      <table>
        {showHeader && (
          <thead>
            <tr>
              {columns.map((column) => (
                <th
                  key={column.name}
                  class={classOf(column)}
                  style={widthOf(column)}
                  aria-sort={order?.name !== column.name ? "none" : order.isDescending ? "descending" : "ascending"}
                >
                  <button onClick={() => go({ [`sort-${panelKey}`]: turned(order, column.name) }, { replace: true })}>
                    {column.name}
                    {order?.name === column.name ? (order.isDescending ? " ▾" : " ▴") : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row) => (
            <tr key={row}>
              {columns.map((column) => (
                <TableCell key={column.name} column={column} row={row} columns={columns} scope={scope} />
              ))}
            </tr>
          ))}
        </tbody>
        {options.footer?.show && <Footer columns={columns} footer={options.footer} />}
      </table>
      {rows.length > MOST_ROWS && (
        <p class="faint">
          {MOST_ROWS} of {rows.length} rows are shown; all are in the panel's data (i)
        </p>
      )}
      {data.frames.length > 1 && (
        <label class="frames">
          Series{" "}
          <select
            value={chosen}
            onChange={(event) => go({ [`frame-${panelKey}`]: event.currentTarget.value }, { replace: true })}
          >
            {data.frames.map((one, index) => (
              <option key={index} value={index}>
                {frameTitle(one, index)}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

const optionsOf = (column: ShownField): ColumnOptions => column.custom as ColumnOptions;

function classOf(column: ShownField): string {
  const { align = "auto" } = optionsOf(column);
  return align === "right" || (align === "auto" && column.field.kind === "number")
    ? "number"
    : align === "center"
      ? "centred"
      : "";
}
const widthOf = (column: ShownField) => {
  const { width, minWidth } = optionsOf(column);
  return { ...(width ? { width: `${width}px` } : {}), ...(minWidth ? { minWidth: `${minWidth}px` } : {}) };
};

interface Order {
  name: string;
  isDescending: boolean;
}

/** The order that the address or else the panel says: a column's name, `-` in front for descending. */
function orderOf(asked: string | null, { sortBy = [] }: TableOptions): Order | undefined {
  if (asked !== null)
    return asked === "none" ? undefined : { name: asked.replace(/^-/, ""), isDescending: asked.startsWith("-") };
  const first = sortBy[0];
  return first && { name: first.displayName, isDescending: first.desc ?? false };
}

/** Ascending, then descending, then as the store has it. */
const turned = (order: Order | undefined, name: string): string =>
  order?.name !== name ? name : order.isDescending ? "none" : `-${name}`;

function sortedRows(frame: Frame, columns: readonly ShownField[], order: Order | undefined): number[] {
  const rows = Array.from({ length: lengthOf(frame) }, (_, index) => index),
    field = order && columns.find(({ name }) => name === order.name)?.field;
  if (!field || !order) return rows;
  const cell = (row: number): Cell => field.values[row] ?? null;
  return rows.sort((a, b) => compareCells(cell(a), cell(b), order.isDescending) || a - b);
}

function TableCell({
  column,
  row,
  columns,
  scope,
}: {
  column: ShownField;
  row: number;
  columns: readonly ShownField[];
  scope: Scope;
}) {
  const { surface } = useCanvasColours(),
    {
      timing: { from, to },
    } = useView();
  const cell = column.field.values[row] ?? null,
    shown = displayOf(column, cell),
    { cellOptions, displayMode } = optionsOf(column),
    type = cellOptions?.type ?? displayMode ?? "auto";
  const colour = shown.colour ?? column.colour,
    text = shownText(shown);
  const style = type.startsWith("color-background")
    ? { background: colour, color: onColour(colour) }
    : type === "color-text"
      ? { color: readable(colour, surface) }
      : {};
  const all = columns.map((one) => ({ name: one.name, value: one.field.values[row] ?? null })),
    links = dataLinks(column.config.links ?? [], { shown: column, value: cell, row: all }, scope, { from, to });
  const link = links[0],
    isGauge = (type === "gauge" || type.endsWith("-gauge") || type === "basic") && typeof cell === "number";
  return (
    <td class={classOf(column)} style={style} data-column={column.name} data-value={cell ?? ""}>
      {isGauge && (
        <span class="cell-gauge">
          <i
            style={{
              width: `${100 * Math.min(1, Math.max(0, (cell - column.min) / (column.max - column.min || 1)))}%`,
              background: colour,
            }}
          />
        </span>
      )}
      {type === "json-view" ? (
        <code>{text}</code>
      ) : cellOptions?.valueDisplayMode === "hidden" ? null : link ? (
        <a href={link.href} {...(link.isNewTab ? { target: "_blank", rel: "noopener" } : {})} title={link.title}>
          {text}
        </a>
      ) : (
        text
      )}
      {links.slice(1).map((other) => (
        <a key={other.href} class="more-link" href={other.href}>
          {" "}
          {other.title}
        </a>
      ))}
    </td>
  );
}

/** Times without a unit are written as times. */
function displayOf(column: ShownField, cell: Cell): Display {
  if (column.field.kind === "time" && !column.config.unit && typeof cell === "number")
    return { prefix: "", text: dateTime(cell), suffix: "", value: cell };
  return column.display(cell);
}

function Footer({
  columns,
  footer: { reducer = ["sum"], fields = [] },
}: {
  columns: readonly ShownField[];
  footer: NonNullable<TableOptions["footer"]>;
}) {
  const id = reducer[0] ?? "sum",
    wanted = Array.isArray(fields) ? fields : fields ? [fields] : [];
  return (
    <tfoot>
      <tr>
        {columns.map((column, index) => {
          const isCounted = column.field.kind === "number" && (wanted.length === 0 || wanted.includes(column.name));
          return (
            <td key={column.name} class={classOf(column)}>
              {isCounted
                ? column.format(calculate(id, numbers(column.field)))
                : index === 0
                  ? calculationTitle(id)
                  : ""}
            </td>
          );
        })}
      </tr>
    </tfoot>
  );
}
