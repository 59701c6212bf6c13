/** A trace in figures. */
import { useMemo, useState } from "preact/hooks";
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { go } from "../router.ts";
import { formatOf } from "../units.ts";
import { type Statistic, statistics } from "./statistics.ts";
import { took } from "./took.ts";
import type { Trace } from "./trace.ts";

type Column = "count" | "failed" | "total" | "self" | "share" | "average" | "least" | "most";
const percent = formatOf("percentunit");
const COLUMNS: readonly { column: Column; title: string; write: (value: number) => string }[] = [
  { column: "count", title: "Spans", write: String },
  { column: "failed", title: "Failed", write: String },
  { column: "self", title: "Self time", write: took },
  { column: "share", title: "Share", write: (value) => percent(value, 1) },
  { column: "total", title: "Total", write: took },
  { column: "average", title: "Average", write: took },
  { column: "least", title: "Least", write: took },
  { column: "most", title: "Most", write: took },
];

export function StatisticsTable({ trace }: { trace: Trace }) {
  const { services, operations } = useMemo(() => statistics(trace), [trace]);
  return (
    <>
      <p class="faint">
        Self time is a span's own: without that of its children. Shares are of the self time of all spans.
      </p>
      <Table title="By service" rows={services} />
      <Table title="By operation" rows={operations} hasOperations />
    </>
  );
}

function Table({
  title,
  rows,
  hasOperations = false,
}: {
  title: string;
  rows: readonly Statistic[];
  hasOperations?: boolean;
}) {
  const [by, setBy] = useState<Column>("self");
  const sorted = useMemo(() => [...rows].sort((a, b) => b[by] - a[by]), [rows, by]);
  return (
    <div class="card scrolling">
      <table class="figures">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">Service</th>
            {hasOperations && <th scope="col">Operation</th>}
            {COLUMNS.map(({ column, title: name }) => (
              <th key={column} scope="col" class="number" aria-sort={column === by ? "descending" : "none"}>
                <button onClick={() => setBy(column)}>
                  {name}
                  {column === by && " ▾"}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, 500).map((row) => (
            <tr key={`${row.service} ${row.operation}`}>
              <th scope="row">
                <span class="swatch" style={{ background: hopColour(row.service) }} />
                <button class="link" onClick={() => go({ tab: undefined, find: row.operation ?? row.service })}>
                  <Name text={row.service} limit={60} />
                </button>
              </th>
              {hasOperations && (
                <td>
                  <Name text={row.operation ?? ""} />
                </td>
              )}
              {COLUMNS.map(({ column, write }) => (
                <td key={column} class={`number${column === "failed" && row.failed > 0 ? " bad" : ""}`}>
                  {write(row[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
