/** Two traces beside each other. */
import { useMemo, useState } from "preact/hooks";
import { hopColour } from "../colours.ts";
import { More } from "../components/more.tsx";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { Name } from "../components/untrusted.tsx";
import { go, href, type Place } from "../router.ts";
import { stamp } from "../time.ts";
import { compare, type Compared, type Side } from "./compare.ts";
import { took } from "./took.ts";
import type { Trace } from "./trace.ts";
import { useTrace } from "./use-trace.ts";

const ROWS = 300;
type Measure = "total" | "self" | "count";
const MEASURES: Record<Measure, string> = { total: "duration", self: "self time", count: "spans" };

export function ComparePage({ place }: { place: Place }) {
  const left = idOf(place, "left"),
    right = idOf(place, "right");
  return (
    <>
      <header class="bar">
        <h1>Compare traces</h1>
        <SideForm key={`left ${left}`} name="left" title="A" id={left} />
        <SideForm key={`right ${right}`} name="right" title="B" id={right} />
      </header>
      {left && right ? (
        <Both key={`${left} ${right}`} left={left} right={right} place={place} />
      ) : (
        <EmptyNote>
          Name two traces by their ids, or choose two in the <a href="/traces">search</a>.
        </EmptyNote>
      )}
    </>
  );
}

function idOf({ query }: Place, name: string): string | undefined {
  const id = query.get(name) ?? "";
  return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}

function SideForm({ name, title, id = "" }: { name: string; title: string; id: string | undefined }) {
  const [text, setText] = useState(id);
  const isRight = /^[0-9a-f]{32}$/.test(text.trim());
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRight) go({ [name]: text.trim() });
      }}
    >
      <label>
        {title}{" "}
        <input
          class="trace-id"
          value={text}
          spellcheck={false}
          placeholder="trace id"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={!isRight || text.trim() === id}>
        Take
      </button>
    </form>
  );
}

function Both({ left, right, place }: { left: string; right: string; place: Place }) {
  const first = useTrace(left, 0),
    second = useTrace(right, 0);
  return (
    <>
      <ErrorNote error={first.error} />
      <ErrorNote error={second.error} />
      {first.answer === null && <EmptyNote>Jaeger has no trace {left}.</EmptyNote>}
      {second.answer === null && <EmptyNote>Jaeger has no trace {right}.</EmptyNote>}
      {(first.isLoading || second.isLoading) && <EmptyNote>Loading …</EmptyNote>}
      {first.answer && second.answer && <Differences left={first.answer} right={second.answer} place={place} />}
    </>
  );
}

function Differences({ left, right, place }: { left: Trace; right: Trace; place: Place }) {
  const measure = (Object.keys(MEASURES) as Measure[]).find((name) => name === place.query.get("by")) ?? "total";
  const isOnlyDifferent = place.query.get("only") === "different";
  const [count, setCount] = useState(ROWS);
  const all = useMemo(() => compare(left, right), [left, right]);
  const rows = isOnlyDifferent
    ? all.filter((row) => row.left?.count !== row.right?.count || row.left?.failed !== row.right?.failed)
    : all;
  const most = rows.reduce((max, row) => Math.max(max, Math.abs(differenceOf(row, measure))), 1);
  return (
    <>
      <div class="summaries">
        <Summary title="A" trace={left} />
        <Summary title="B" trace={right} />
      </div>
      <div class="toolbar">
        <label>
          Compare{" "}
          <select value={measure} onChange={(event) => go({ by: event.currentTarget.value })}>
            {(Object.keys(MEASURES) as Measure[]).map((name) => (
              <option key={name} value={name}>
                {MEASURES[name]}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={isOnlyDifferent}
            onChange={() => go({ only: isOnlyDifferent ? undefined : "different" })}
          />{" "}
          only where spans or failures differ
        </label>
        <span role="status" class="faint">
          {rows.length} of {all.length} operations
        </span>
      </div>
      {rows.length === 0 && <EmptyNote>Both have the same spans.</EmptyNote>}
      {rows.length > 0 && (
        <div class="card scrolling" role="group" aria-label="Operations of both traces" tabIndex={0}>
          <table class="figures compared">
            <thead>
              <tr>
                <th scope="col">Service and operation</th>
                <th scope="col" class="number">
                  A
                </th>
                <th scope="col" class="number">
                  B
                </th>
                <th scope="col" class="number">
                  B − A
                </th>
                <th scope="col">
                  <span class="hidden">Difference drawn</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, count).map((row, at) => (
                <Row key={at} row={row} measure={measure} most={most} />
              ))}
            </tbody>
          </table>
          {rows.length > count && (
            <More left={rows.length - count} noun="operations" show={() => setCount(count + ROWS)} />
          )}
        </div>
      )}
    </>
  );
}

const valueOf = (side: Side | undefined, measure: Measure): number => side?.[measure] ?? 0;
const differenceOf = ({ left, right }: Compared, measure: Measure): number =>
  valueOf(right, measure) - valueOf(left, measure);

function Row({ row, measure, most }: { row: Compared; measure: Measure; most: number }) {
  const write = measure === "count" ? String : took;
  const by = differenceOf(row, measure),
    share = Math.min(1, Math.abs(by) / most) * 50;
  const kind = !row.left ? "added" : !row.right ? "removed" : "";
  return (
    <tr class={kind}>
      <th scope="row" style={{ paddingLeft: `${10 + Math.min(24, row.level) * 12}px` }}>
        <span class="swatch" style={{ background: hopColour(row.service) }} />
        <span class="faint">
          <Name text={row.service} limit={60} />
        </span>{" "}
        <Name text={row.name} />
        {kind && <span class="tag">{kind === "added" ? "only in B" : "only in A"}</span>}
      </th>
      <Cell side={row.left} measure={measure} write={write} />
      <Cell side={row.right} measure={measure} write={write} />
      <td class={`number ${by > 0 ? "bad" : by < 0 ? "good" : "faint"}`}>
        {by > 0 ? "+" : by < 0 ? "−" : ""}
        {write(Math.abs(by))}
      </td>
      <td class="difference">
        <span
          class={by > 0 ? "more-time" : "less-time"}
          style={by > 0 ? { left: "50%", width: `${share}%` } : { right: "50%", width: `${share}%` }}
        />
      </td>
    </tr>
  );
}

function Cell({
  side,
  measure,
  write,
}: {
  side: Side | undefined;
  measure: Measure;
  write: (value: number) => string;
}) {
  if (!side) return <td class="number faint">–</td>;
  return (
    <td class="number">
      {write(side[measure])}
      {side.count > 1 && measure !== "count" && <span class="faint"> ×{side.count}</span>}
      {side.failed > 0 && (
        <b class="bad" title={`${side.failed} failed`}>
          {" "}
          ✗{side.failed}
        </b>
      )}
    </td>
  );
}

function Summary({ title, trace }: { title: string; trace: Trace }) {
  const root = trace.spans[0]!;
  return (
    <div class="card">
      <h2>
        {title}{" "}
        <a href={href({ path: `/trace/${trace.id}`, keepTime: false })}>
          <Name text={`${root.service} ${root.name}`} />
        </a>
      </h2>
      <p class="facts">
        <code>{trace.id}</code>
        <span>{stamp(trace.start / 1e3)}</span>
        <b>{took(trace.duration)}</b>
        <span>{trace.spans.length} spans</span>
        {trace.failed > 0 && <b class="bad">{trace.failed} failed</b>}
      </p>
    </div>
  );
}
