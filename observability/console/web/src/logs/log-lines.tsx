/** Log lines: each opens to its fields, leads to its trace, and shows the lines around it. */
import { useMemo, useRef, useState } from "preact/hooks";
import { hopColour } from "../colours.ts";
import { More } from "../components/more.tsx";
import { EmptyNote } from "../components/notes.tsx";
import { rowAfter } from "../components/roving.ts";
import { LongText, Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import type { Line } from "../stores/loki.ts";
import { BRIEF } from "../text.ts";
import { stamp } from "../time.ts";
import { LineContext } from "./context.tsx";
import { Fields, type Filter } from "./fields.tsx";
import { keysOf, level, traceOf } from "./line.ts";

/** Rows that are drawn at first, and added as the end comes into sight. */
const ROWS = 300;

export interface LogLinesProps {
  lines: readonly Line[];
  showTime?: boolean;
  showService?: boolean;
  isWrapped?: boolean;
  /** Called where a field's value is to be kept or left out; without it fields offer no filters. */
  filter?: Filter;
  /** Whether an open line offers the lines before and after it. */
  offersContext?: boolean;
  /** Keys (`nanoseconds` and text) of a line to point out. */
  marked?: Line;
}

export function LogLines({ lines, marked, ...shown }: LogLinesProps) {
  const keys = useMemo(() => keysOf(lines), [lines]);
  const [count, setCount] = useState(ROWS),
    [current, setCurrent] = useState(0);
  const list = useRef<HTMLOListElement>(null);
  if (lines.length === 0) return <EmptyNote>No log lines</EmptyNote>;
  const rows = lines.slice(0, count),
    at = Math.min(current, rows.length - 1);
  const move = (event: KeyboardEvent): void => {
    if (
      !(event.target as Element).matches(".line-toggle") ||
      list.current !== (event.target as Element).closest(".log-lines")
    )
      return;
    const next = rowAfter(event.key, at, rows.length);
    if (next === undefined) return;
    event.preventDefault();
    setCurrent(next);
    list.current?.querySelectorAll<HTMLElement>(":scope > li > .line-head > .line-toggle")[next]?.focus();
  };
  return (
    <>
      <ol class={`log-lines${shown.isWrapped === false ? "" : " wrapped"}`} ref={list} onKeyDown={move}>
        {rows.map((line, index) => (
          <LogLine
            key={keys[index]}
            line={line}
            isCurrent={index === at}
            isMarked={marked !== undefined && isSame(line, marked)}
            focused={() => setCurrent(index)}
            {...shown}
          />
        ))}
      </ol>
      {lines.length > count && <More left={lines.length - count} noun="lines" show={() => setCount(count + ROWS)} />}
    </>
  );
}

// Requests of the same moment write the same words: their spans tell them apart.
const isSame = (one: Line, other: Line): boolean =>
  one.nanoseconds === other.nanoseconds && one.text === other.text && one.labels["span_id"] === other.labels["span_id"];

interface LogLineProps extends Omit<LogLinesProps, "lines" | "marked"> {
  line: Line;
  isCurrent: boolean;
  isMarked: boolean;
  focused: () => void;
}

function LogLine({
  line,
  isCurrent,
  isMarked,
  focused,
  showTime = true,
  showService = true,
  filter,
  offersContext = true,
}: LogLineProps) {
  const [isOpen, setOpen] = useState(false);
  const found = traceOf(line),
    service = line.labels.service_name ?? "",
    degree = level(line);
  const click = (event: MouseEvent): void => {
    if ((event.target as Element).closest("a, button") || getSelection()?.isCollapsed === false) return;
    setOpen(!isOpen);
  };
  return (
    <li class={`log-line ${degree}`} aria-current={isMarked ? "true" : undefined}>
      <div class="line-head" onClick={click}>
        <button
          class="line-toggle"
          aria-expanded={isOpen}
          aria-label={`Fields of the line of ${stamp(line.at)}`}
          tabIndex={isCurrent ? 0 : -1}
          onFocus={focused}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? "▾" : "▸"}
        </button>
        {showTime && <time dateTime={new Date(line.at).toISOString()}>{stamp(line.at)}</time>}
        <span class="level">{degree}</span>
        {showService && service !== "" && (
          <span class="service">
            <span class="swatch" style={{ background: hopColour(service) }} />
            <Name text={service} limit={60} />
          </span>
        )}
        <span class="line-text">
          <LongText text={line.text} first={BRIEF} />
        </span>
        {found && (
          <a class="to-trace" href={href({ path: `/trace/${found.trace}`, keepTime: false, span: found.span })}>
            trace
          </a>
        )}
      </div>
      {isOpen && (
        <div class="line-more">
          <Fields line={line} filter={filter} />
          {offersContext && <LineContext line={line} />}
        </div>
      )}
    </li>
  );
}
