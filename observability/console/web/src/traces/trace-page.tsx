/** One trace. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { hopColour } from "../colours.ts";
import { EmptyNote, ErrorNote, Warnings } from "../components/notes.tsx";
import { Name } from "../components/untrusted.tsx";
import { LogLines } from "../logs/log-lines.tsx";
import { follow, href, type Place } from "../router.ts";
import type { Line } from "../stores/loki.ts";
import { brief } from "../text.ts";
import { stamp } from "../time.ts";
import { criticalPath, type Segment } from "./critical-path.ts";
import { matching } from "./find.ts";
import { place as placed } from "./lines.ts";
import { useLinked } from "./linked.ts";
import { Minimap } from "./minimap.tsx";
import { selfTimes } from "./self-time.ts";
import { StatisticsTable } from "./statistics-table.tsx";
import { Toolbar } from "./toolbar.tsx";
import { took } from "./took.ts";
import { add, type Trace } from "./trace.ts";
import { linesQuery, linesRange, MAX_LINES, useTrace, useTraceLines } from "./use-trace.ts";
import { stateOf } from "./view.ts";
import { Waterfall } from "./waterfall.tsx";

export function TracePage({ id, place }: { id: string; place: Place }) {
  if (!/^[0-9a-f]{32}$/.test(id))
    return <EmptyNote>A trace id is 32 hexadecimal digits, as in the X-Trace-Id header of any answer.</EmptyNote>;
  return <Fetched key={id} id={id} place={place} />;
}

function Fetched({ id, place }: { id: string; place: Place }) {
  const [time, setTime] = useState(0);
  const { answer: trace, error, isLoading } = useTrace(id, time);
  const lines = useTraceLines(id, trace ?? (error ? null : trace));
  const again = (): void => setTime(time + 1);
  const notes = (
    <>
      <ErrorNote error={error} />
      <ErrorNote error={lines.error} />
      <Warnings warnings={lines.answer?.warnings ?? []} />
      {lines.answer?.lines.length === MAX_LINES && (
        <p class="note warning">Only the first {MAX_LINES} log lines are shown.</p>
      )}
    </>
  );
  if (trace && trace.spans.length > 0)
    return (
      <>
        {notes}
        <Shown trace={trace} lines={lines.answer?.lines ?? []} place={place} again={again} />
      </>
    );
  return (
    <>
      <header class="bar">
        <h1>Trace {id}</h1>
        <button onClick={again}>Load again</button>
      </header>
      {notes}
      {isLoading && <EmptyNote>Loading …</EmptyNote>}
      {trace === null && !isLoading && (
        <EmptyNote>
          Jaeger has no such trace: its spans have not arrived yet, it was not sampled, or it is older than traces are
          kept.
        </EmptyNote>
      )}
      {lines.answer && lines.answer.lines.length > 0 && (
        <section>
          <h2>Log lines</h2>
          <LogLines lines={lines.answer.lines} />
        </section>
      )}
    </>
  );
}

function Shown({
  trace,
  lines,
  place,
  again,
}: {
  trace: Trace;
  lines: readonly Line[];
  place: Place;
  again: () => void;
}) {
  const state = stateOf(place);
  const { ofSpan, loose } = useMemo(() => placed(trace, lines), [trace, lines]);
  const selfs = useMemo(() => selfTimes(trace), [trace]);
  const found = useMemo(() => matching(trace, state.find, ofSpan), [trace, state.find, ofSpan]);
  const isFinding = state.find.trim() !== "";
  const foundSet = useMemo(() => (isFinding ? new Set(found) : undefined), [found, isFinding]);
  const path = useMemo(() => state.path && bySpan(criticalPath(trace, state.path)), [trace, state.path]);
  const { linked, error: linkError } = useLinked(trace);
  const [hit, setHit] = useState(0);
  const [turn, setTurn] = useState(0);
  useEffect(() => setHit(0), [state.find]);
  const chosen = useMemo(() => trace.spans.findIndex(({ id }) => state.open.has(id)), [trace]);
  const target = isFinding ? found[Math.min(hit, found.length - 1)] : turn === 0 && chosen >= 0 ? chosen : undefined;
  const step = (by: number): void => {
    if (found.length === 0) return;
    setHit((hit + by + found.length) % found.length);
    setTurn(turn + 1);
  };
  useFindKey();
  return (
    <div class="trace">
      <Header trace={trace} lines={lines.length} again={again} tab={state.tab} />
      {state.tab === "statistics" ? (
        <StatisticsTable trace={trace} />
      ) : (
        <>
          <Minimap trace={trace} view={state.view} />
          <Toolbar trace={trace} state={state} found={found.length} hit={hit} step={step} />
          <Waterfall
            trace={trace}
            state={state}
            selfs={selfs}
            lines={ofSpan}
            path={path}
            found={foundSet}
            target={target === undefined ? undefined : { index: target, turn }}
            linked={linked}
          />
          {loose.length > 0 && (
            <section>
              <h2>Log lines outside these spans</h2>
              <LogLines lines={loose} />
            </section>
          )}
          <ErrorNote error={linkError} />
        </>
      )}
    </div>
  );
}

function bySpan(segments: readonly Segment[]): Map<number, Segment[]> {
  const found = new Map<number, Segment[]>();
  for (const segment of segments) add(found, segment.span, segment);
  return found;
}

function Header({ trace, lines, again, tab }: { trace: Trace; lines: number; again: () => void; tab: string }) {
  const root = trace.spans[0]!,
    range = linesRange(trace);
  useEffect(() => {
    document.title = `${brief(`${root.service} ${root.name}`)} · nextphase`;
  }, [root]);
  return (
    <>
      <header class="bar trace-bar">
        <h1>
          <span class="swatch" style={{ background: hopColour(root.service) }} />
          <Name text={root.service} limit={60} /> <Name text={root.name} />
        </h1>
        <nav class="tabs" aria-label="Views">
          <a href={href({ tab: undefined })} aria-current={tab === "waterfall" ? "page" : undefined}>
            Waterfall
          </a>
          <a href={href({ tab: "statistics" })} aria-current={tab === "statistics" ? "page" : undefined}>
            Statistics
          </a>
        </nav>
        <a
          href={href({
            path: "/logs",
            keepTime: false,
            query: linesQuery(trace.id),
            from: Math.floor(range.from),
            to: Math.ceil(range.to),
          })}
        >
          Logs
        </a>
        <a href={`/api/jaeger/traces/${trace.id}`} download={`trace-${trace.id}.json`}>
          JSON
        </a>
        <a href={`/api/jaeger/otlp/${trace.id}`} download={`trace-${trace.id}.otlp.json`}>
          OTLP
        </a>
        <button onClick={again}>Load again</button>
        <CompareWith id={trace.id} />
      </header>
      <p class="facts">
        <code>{trace.id}</code>
        <span>{stamp(trace.start / 1e3)}</span>
        <span>
          <b>{took(trace.duration)}</b>
        </span>
        <span>{trace.spans.length} spans</span>
        <span>{trace.services.size} services</span>
        <span>{lines} log lines</span>
        {trace.failed > 0 && <b class="bad">{trace.failed} failed</b>}
        {trace.orphans > 0 && <b class="warning">{trace.orphans} without their parent</b>}
      </p>
    </>
  );
}

function CompareWith({ id }: { id: string }) {
  const [other, setOther] = useState("");
  const isRight = /^[0-9a-f]{32}$/.test(other.trim());
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRight) follow(`/compare?left=${id}&right=${other.trim()}`);
      }}
    >
      <input
        aria-label="Id of a trace to compare with"
        placeholder="compare with trace id"
        value={other}
        onInput={(event) => setOther(event.currentTarget.value)}
        spellcheck={false}
      />
      <button type="submit" disabled={!isRight}>
        Compare
      </button>
    </form>
  );
}

/** `/` goes to the find field, as in a pager. */
function useFindKey(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "/" || (event.target as Element).closest("input, textarea, select")) return;
      event.preventDefault();
      document.querySelector<HTMLInputElement>("[data-control='find']")?.focus();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
