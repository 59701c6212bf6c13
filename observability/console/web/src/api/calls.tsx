/** What the last calls of a route did: rate, errors, duration, and the slowest traces. */
import { TimeSeries } from "../charts/time-series.tsx";
import type { Curve } from "../charts/curves.ts";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { go, href } from "../router.ts";
import { type Series } from "../stores/prometheus.ts";
import { type Range, stamp } from "../time.ts";
import { formatOf } from "../units.ts";
import { useAnswer } from "../use-answer.ts";
import type { Operation } from "./operations.ts";
import { course, type Course, slowest, totals } from "./route-metrics.ts";

const rate = formatOf("reqps"), seconds = formatOf("s"), percent = formatOf("percentunit");
const POINTS = 240;
const SHARES: Record<string, string> = { p50: "#5794f2", p95: "#e3b341", p99: "#e5586c" };

interface Props { operation: Operation; range: Range }

export function Calls({ operation, range }: Props) {
  const on = [operation.id, range.from, range.to];
  const summary = useAnswer((signal) => totals(operation, range, signal), on);
  const drawn = useAnswer((signal) => course(operation, range, POINTS, signal), on);
  const { calls = 0, refused = 0, failed = 0, p50, p95 } = summary.answer ?? {};
  return <section class="card calls" aria-label="Last calls">
    <h2><span class={`method ${operation.method.toLowerCase()}`}>{operation.method}</span> <code>{operation.path}</code></h2>
    <p class="faint">{operation.summary}</p>
    <ErrorNote error={summary.error} />
    {summary.answer && <dl class="totals">
      <Total name="Calls" value={String(calls)} />
      <Total name="Rate" value={rate(calls / ((range.to - range.from) / 1e3))} />
      <Total name="Refused (4xx)" value={String(refused)} look={refused > 0 ? "warning" : ""} />
      <Total name="Failed (5xx)" value={calls > 0 ? `${failed} (${percent(failed / calls)})` : "0"} look={failed > 0 ? "bad" : ""} />
      <Total name="Median" value={p50 === undefined ? "–" : seconds(p50)} />
      <Total name="p95" value={p95 === undefined ? "–" : seconds(p95)} />
    </dl>}
    <ErrorNote error={drawn.error} />
    {drawn.answer && calls > 0 && <Charts course={drawn.answer} range={range} />}
    {summary.answer && calls === 0 && <EmptyNote>No calls in this time.</EmptyNote>}
    {summary.answer && <SlowTraces key={operation.id} operation={operation} range={range} p95={p95} />}
  </section>;
}

const Total = ({ name, value, look = "" }: { name: string; value: string; look?: string }) => <div><dt>{name}</dt><dd class={look}>{value}</dd></div>;

function Charts({ course: { step, statuses, durations }, range }: { course: Course; range: Range }) {
  const times = timesOf(range, step), zoom = ({ from, to }: Range): void => go({ from: Math.round(from), to: Math.round(to) });
  const codes = statuses.map((one) => curve(one, times, one.metric.http_response_status_code ?? "", statusColour(one.metric.http_response_status_code ?? "")));
  const shares = durations.map((one) => curve(one, times, one.metric.share ?? "", SHARES[one.metric.share ?? ""] ?? "#888"));
  return <div class="charts">
    <figure><figcaption>Calls a second, by status</figcaption>
      <TimeSeries label="Calls a second by status" times={times} range={range} format={rate} height={190} legend={{ mode: "list" }} cursorGroup="route" onZoom={zoom}
        curves={codes.map((one) => ({ ...one, stack: "codes", fill: 0.25 }))} /></figure>
    <figure><figcaption>Duration</figcaption>
      <TimeSeries label="Duration by share" times={times} range={range} format={seconds} height={190} legend={{ mode: "list" }} cursorGroup="route" onZoom={zoom} curves={shares} /></figure>
  </div>;
}

function timesOf({ from, to }: Range, step: number): number[] {
  const first = Math.floor(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => first + index * step);
}

function curve({ values }: Series, times: readonly number[], name: string, colour: string): Curve {
  const known = new Map(values.map(([at, text]) => [Math.round(at * 1e3), Number(text)]));
  return { name, colour, values: times.map((at) => finite(known.get(at))) };
}

const finite = (value: number | undefined): number | null => value !== undefined && Number.isFinite(value) ? value : null;

const statusColour = (code: string): string => code.startsWith("5") ? "#e5586c" : code.startsWith("4") ? "#e3b341" : code.startsWith("3") ? "#5794f2" : "#6fbf73";

function SlowTraces({ operation, range, p95 }: Props & { p95: number | undefined }) {
  const { answer, error } = useAnswer((signal) => slowest(operation, range, p95, signal), [operation.id, range.from, range.to]);
  const search = href({ path: "/traces", service: "gateway", operation: `${operation.method} ${operation.path}` });
  return <div>
    <h3>Slowest traces</h3>
    <ErrorNote error={error} />
    {answer && answer.length === 0 && <EmptyNote>Jaeger has no trace of this route in this time.</EmptyNote>}
    {answer && answer.length > 0 && <div class="scrolling" tabIndex={0} role="group" aria-label="Slowest traces"><table class="rows">
      <thead><tr><th>At</th><th class="number">Took</th><th class="number">Status</th><th>Trace</th></tr></thead>
      <tbody>{answer.map(({ id, at, seconds: took, status }) => <tr key={id} data-trace={id}>
        <td class="time">{stamp(at)}</td><td class="number">{seconds(took)}</td><td class={`number ${status.startsWith("5") ? "bad" : ""}`}>{status}</td>
        <td class="time"><a href={href({ path: `/trace/${id}` })}><code>{id.slice(0, 8)}</code></a></td>
      </tr>)}</tbody>
    </table></div>}
    <p><a href={search}>All traces of this route</a></p>
  </div>;
}
