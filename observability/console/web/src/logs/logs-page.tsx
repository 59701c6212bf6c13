/** Log lines of a query. */
import { useMemo } from "preact/hooks";
import { EmptyNote, ErrorNote, Warnings } from "../components/notes.tsx";
import { TimeControls, useTimeRange } from "../components/time-range.tsx";
import { TimeSeries } from "../charts/time-series.tsx";
import { seriesColour } from "../colours.ts";
import { go, type Place } from "../router.ts";
import type { Line } from "../stores/loki.ts";
import * as loki from "../stores/loki.ts";
import { type Range, stepFor, written } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { stepsOf, totals } from "./counts.ts";
import { Histogram, LEVEL_COLOURS } from "./histogram.tsx";
import { type Level, LEVELS } from "./line.ts";
import { joined } from "./live-lines.ts";
import { LogLines } from "./log-lines.tsx";
import { ALL, countsOf, filtered, isLogQuery, withLevels } from "./logql.ts";
import { QueryField } from "./query-field.tsx";
import { type Tailing, useTail } from "./use-tail.ts";

const LIMITS = [100, 500, 1000, 5000];
const BARS = 90;
const NONE: readonly Line[] = [];

export function LogsPage({ place }: { place: Place }) {
  const timing = useTimeRange(place, { from: "now-30m", to: "now" }, "off");
  const query = (place.query.get("query") ?? "").trim() || ALL;
  return isLogQuery(query) ? (
    <Lines place={place} timing={timing} query={query} />
  ) : (
    <Values timing={timing} query={query} />
  );
}

type Timing = ReturnType<typeof useTimeRange>;
const run = (query: string): void => go({ query: query.trim() });

function Lines({ place, timing, query }: { place: Place; timing: Timing; query: string }) {
  const { range } = timing;
  const asked = place.query.getAll("level");
  const levels = LEVELS.filter((level) => asked.includes(level));
  const limit = LIMITS.find((one) => one === Number(place.query.get("limit"))) ?? 500;
  const isOldestFirst = place.query.get("order") === "oldest",
    isWrapped = place.query.get("wrap") !== "off",
    isLive = place.query.get("live") === "on";
  const effective = withLevels(query, levels);
  const { answer, error, isLoading } = useAnswer(
    (signal) => loki.lines(effective, range, limit, isOldestFirst ? "forward" : "backward", signal),
    [effective, range.from, range.to, limit, isOldestFirst],
  );
  const live = useTail(effective, isLive);
  const step = stepFor(range, BARS, 1000);
  const counts = useAnswer(
    (signal) => loki.queryRange(countsOf(query, written(step)), stepsOf(range, step), step, signal),
    [query, range.from, range.to],
  );
  const found = answer?.lines ?? NONE;
  const lines = useMemo(() => (isLive ? joined(live.lines, found) : found), [isLive, live.lines, found]);
  return (
    <>
      <header class="bar">
        <h1>Logs</h1>
        <TimeControls timing={timing} />
      </header>
      <QueryField query={query} range={range} lines={lines} run={run} />
      <ErrorNote error={error} />
      {!error && <ErrorNote error={counts.error} />}
      {counts.answer && <Histogram series={counts.answer.result} range={range} step={step} />}
      <div class="toolbar log-bar">
        <Levels levels={levels} counts={counts.answer ? totals(counts.answer.result) : new Map()} />
        <label>
          Limit{" "}
          <select value={String(limit)} onChange={(event) => go({ limit: event.currentTarget.value })}>
            {LIMITS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          Order{" "}
          <select
            value={isOldestFirst ? "oldest" : "newest"}
            disabled={isLive}
            onChange={(event) => go({ order: event.currentTarget.value })}
          >
            <option value="newest">newest first</option>
            <option value="oldest">oldest first</option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={isWrapped}
            onChange={() => go({ wrap: isWrapped ? "off" : undefined }, { replace: true })}
          />{" "}
          wrap
        </label>
        <button
          aria-pressed={isLive}
          onClick={() =>
            go(isLive ? { live: undefined } : { live: "on", order: undefined, to: undefined, from: undefined })
          }
        >
          Live
        </button>
        <span role="status" class="faint">
          {isLoading && !answer ? "Loading …" : `${lines.length} lines`}
        </span>
      </div>
      {isLive && <LiveNote live={live} />}
      <Warnings warnings={answer?.warnings ?? []} />
      {answer && lines.length === 0 && !isLoading && <EmptyNote>No log lines of this query in this time.</EmptyNote>}
      {lines.length > 0 && (
        <div class="card">
          <LogLines
            lines={lines}
            isWrapped={isWrapped}
            filter={(name, value, way) => run(filtered(query, name, value, way))}
          />
        </div>
      )}
      {found.length >= limit && <Rest lines={found} range={range} isOldestFirst={isOldestFirst} />}
    </>
  );
}

/** Which levels are shown; all where none is chosen. */
function Levels({ levels, counts }: { levels: readonly Level[]; counts: ReadonlyMap<Level, number> }) {
  const toggle = (level: Level): void =>
    go({ level: levels.includes(level) ? levels.filter((one) => one !== level) : [...levels, level] });
  return (
    <div class="fold-buttons" role="group" aria-label="Levels">
      {LEVELS.map((level) => (
        <button key={level} aria-pressed={levels.includes(level)} onClick={() => toggle(level)}>
          <span class="swatch" style={{ background: LEVEL_COLOURS[level] }} />
          {level} {counts.get(level)?.toLocaleString("en") ?? ""}
        </button>
      ))}
    </div>
  );
}

const STATES: Record<Tailing["state"], string> = {
  off: "",
  connecting: "Connecting …",
  live: "Live: lines appear as they are written.",
  waiting: "The live tail has ended and is begun again.",
};

function LiveNote({ live }: { live: Tailing }) {
  return (
    <p class="live-note" role="status">
      <span class={live.state === "live" ? "good" : "warning"}>{STATES[live.state]}</span>
      {live.error && <span class="bad"> {live.error.message}</span>}
      {live.dropped > 0 && (
        <span class="warning" data-dropped={live.dropped}>
          {" "}
          {live.dropped.toLocaleString("en")} lines came too fast and are not shown.
        </span>
      )}
    </p>
  );
}

/** There may be more lines than were asked for. */
function Rest({ lines, range, isOldestFirst }: { lines: readonly Line[]; range: Range; isOldestFirst: boolean }) {
  const last = lines[lines.length - 1]!;
  const step = isOldestFirst
    ? { from: Math.floor(last.at), to: range.to }
    : { from: range.from, to: Math.ceil(last.at) };
  return (
    <p class="note">
      Only {lines.length} lines are shown.{" "}
      <button onClick={() => go({ ...step, live: undefined })}>{isOldestFirst ? "Later" : "Earlier"} lines</button>
    </p>
  );
}

/** A query that gives values over time. */
function Values({ timing, query }: { timing: Timing; query: string }) {
  const { range } = timing,
    step = stepFor(range, 300, 1000);
  const { answer, error, isLoading } = useAnswer(
    (signal) => loki.queryRange(query, range, step, signal),
    [query, range.from, range.to],
  );
  const drawn = useMemo(() => {
    const first = Math.floor(range.from / step) * step,
      count = Math.floor(range.to / step) - Math.floor(range.from / step) + 1;
    const times = Array.from({ length: count }, (_, at) => first + at * step);
    const curves = (answer?.result ?? []).map(({ metric, values }, index) => {
      const row: (number | null)[] = times.map(() => null);
      for (const [seconds, value] of values) row[Math.round((seconds * 1e3 - first) / step)] = Number(value);
      return { name: nameOf(metric), colour: seriesColour(index), values: row };
    });
    return { times, curves };
  }, [answer]);
  return (
    <>
      <header class="bar">
        <h1>Logs</h1>
        <TimeControls timing={timing} />
      </header>
      <QueryField query={query} range={range} lines={NONE} run={run} />
      <ErrorNote error={error} />
      <Warnings warnings={answer?.warnings ?? []} />
      {isLoading && !answer && <EmptyNote>Loading …</EmptyNote>}
      {answer?.result.length === 0 && <EmptyNote>No values of this query in this time.</EmptyNote>}
      {drawn.curves.length > 0 && (
        <div class="card">
          <TimeSeries
            label="Values over time"
            times={drawn.times}
            curves={drawn.curves}
            range={range}
            height={420}
            legend={{ mode: "list" }}
            onZoom={({ from, to }) => go({ from: Math.floor(from), to: Math.ceil(to) })}
          />
        </div>
      )}
    </>
  );
}

const nameOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ") || "value";
