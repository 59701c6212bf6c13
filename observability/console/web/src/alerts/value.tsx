/** The value that a rule watches, over time. */
import { TimeSeries } from "../charts/time-series.tsx";
import type { Curve } from "../charts/curves.ts";
import { seriesColour } from "../colours.ts";
import { EmptyNote, ErrorNote, Warnings } from "../components/notes.tsx";
import { go } from "../router.ts";
import { type Labels, queryRange, type Series } from "../stores/prometheus.ts";
import { type Range, stepFor } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { watched } from "./expression.ts";

const POINTS = 300;
const LIMIT_COLOUR = "#e5586c";

export function RuleValue({ name, expression, range }: { name: string; expression: string; range: Range }) {
  const { query, comparison } = watched(expression), step = stepFor(range, POINTS);
  const { answer, error } = useAnswer((signal) => queryRange(query, range, step, signal), [query, range.from, range.to]);
  const limits = comparison && { steps: [{ from: -Infinity, colour: "transparent" }, { from: comparison.threshold, colour: LIMIT_COLOUR }], lines: "dashed" as const };
  const times = timesOf(range, step);
  return <figure class="rule-value">
    <figcaption class="faint">
      {comparison ? <>Value of <code>{query}</code>; the alert's condition is <code>{comparison.operator} {comparison.threshold}</code></> : "Value of the expression, which has one only while the condition is met"}
    </figcaption>
    <ErrorNote error={error} />
    {answer && <Warnings warnings={answer.warnings} />}
    {answer && answer.result.length === 0 && <EmptyNote>It had no value in this time.</EmptyNote>}
    {answer && answer.result.length > 0 && <TimeSeries label={`${name} over time`} times={times} range={range} height={220}
      curves={curvesOf(answer.result, times)} {...limits ? { limits } : {}} legend={{ mode: "list" }} tooltip={{ mode: "multi" }}
      onZoom={({ from, to }) => go({ from, to })} />}
  </figure>;
}

/** The times at which Prometheus gives values; milliseconds. */
function timesOf(range: Range, step: number): number[] {
  const first = Math.floor(range.from / step) * step, last = Math.floor(range.to / step) * step;
  return Array.from({ length: Math.max(0, Math.round((last - first) / step) + 1) }, (_, index) => first + index * step);
}

function curvesOf(series: readonly Series[], times: readonly number[]): Curve[] {
  return series.map(({ metric, values }, index) => {
    const byTime = new Map(values.map(([at, text]) => [Math.round(at * 1e3), Number(text)]));
    return {
      name: labelText(metric), colour: seriesColour(index), interpolation: "stepAfter",
      values: times.map((at) => { const value = byTime.get(at); return value !== undefined && Number.isFinite(value) ? value : null; }),
    };
  });
}

/** What tells a series from the others of its rule. */
function labelText({ __name__: name = "value", ...labels }: Labels): string {
  return Object.entries(labels).filter(([label]) => label !== "job").map(([label, value]) => `${label}=${value}`).join(" ") || name;
}
