/** Spans over time, one a row; only the rows in sight are drawn. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { rowAfter } from "../components/roving.ts";
import { Fields } from "../logs/fields.tsx";
import type { Line } from "../stores/loki.ts";
import type { Segment } from "./critical-path.ts";
import { type Item, itemsOf } from "./items.ts";
import type { Linked } from "./linked.ts";
import { revealing, spanRows } from "./rows.ts";
import { SpanDetails } from "./span-details.tsx";
import { LineRow, SpanRowView } from "./span-row.tsx";
import { offset } from "./took.ts";
import type { Trace } from "./trace.ts";
import { showFolding, showOpen, toggled, type TraceState } from "./view.ts";
import { offsetOf, useWindow } from "./virtual.ts";

/** Height of a row, CSS pixels; as the style sheet has it. */
const ROW = 24;
const NO_LINES: ReadonlyMap<string, readonly Line[]> = new Map();

export interface WaterfallProps {
  trace: Trace;
  state: TraceState;
  selfs: readonly number[];
  lines: ReadonlyMap<string, readonly Line[]>;
  /** Parts of the critical path by span; undefined where it is not shown. */
  path: ReadonlyMap<number, Segment[]> | undefined;
  /** Indices of the spans found; undefined where nothing is looked for. */
  found: ReadonlySet<number> | undefined;
  /** Index of the span to bring into sight, and a number that changes when it is to be done again. */
  target: { index: number; turn: number } | undefined;
  linked: Linked;
}

export function Waterfall(props: WaterfallProps) {
  const { trace, state, lines, target } = props;
  const { folding, open, showsLines, view } = state;
  const rows = useMemo(
    () => spanRows(trace, folding),
    [trace, [...folding.spans].join(), [...folding.services].join()],
  );
  const items = useMemo(() => itemsOf(rows, showsLines ? lines : NO_LINES), [rows, lines, showsLines]);
  const places = useMemo(() => new Map(items.map(({ key }, at) => [key, at])), [items]);
  const [openLines, setOpenLines] = useState<ReadonlySet<string>>(new Set());
  const [measured, setMeasured] = useState<ReadonlyMap<string, number>>(new Map());
  const isOpen = (item: Item): boolean => (item.kind === "span" ? open.has(item.key) : openLines.has(item.key));
  const heights = useMemo(() => {
    const opened = [...open, ...openLines].flatMap((key) => {
      const at = places.get(key);
      return at === undefined ? [] : [[at, measured.get(key) ?? 0] as const];
    });
    return { count: items.length, row: ROW, open: new Map(opened) };
  }, [items, places, [...open].join(), openLines, measured]);
  const list = useRef<HTMLDivElement>(null);
  const { first, last } = useWindow(list, heights);
  const [current, setCurrent] = useState("");
  const wantsFocus = useRef(false);

  const reveal = (at: number): void => {
    const top = list.current!.getBoundingClientRect().top + offsetOf(heights, at);
    if (top < 120 || top > innerHeight - 60) scrollBy({ top: top - innerHeight / 3 });
  };
  const moveTo = (at: number): void => {
    setCurrent(items[at]!.key);
    wantsFocus.current = true;
    reveal(at);
  };
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    const row = list.current!.querySelector<HTMLElement>(`[data-row="${places.get(current)}"]`);
    if (!row) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });
  useLayoutEffect(() => {
    if (!target) return;
    const span = trace.spans[target.index];
    if (!span) return;
    const at = places.get(span.id);
    if (at === undefined) showFolding(revealing(trace, folding, target.index));
    else reveal(at);
  }, [target?.index, target?.turn, target && places.has(trace.spans[target.index]?.id ?? "")]);

  const toggle = (item: Item): void => {
    if (item.kind === "span") showOpen(toggled(open, item.key));
    else setOpenLines(toggled(openLines, item.key));
  };
  const fold = (id: string): void => showFolding({ ...folding, spans: toggled(folding.spans, id) });
  const press = (event: KeyboardEvent): void => {
    const row = (event.target as Element).closest<HTMLElement>("[data-row]");
    if (!row || event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = Number(row.dataset.row),
      item = items[at]!;
    const next = rowAfter(event.key, at, items.length);
    const isFolded = item.kind === "span" && folding.spans.has(item.key);
    if (next !== undefined) moveTo(next);
    else if (event.key === "Enter" || event.key === " ") toggle(item);
    else if (event.key === "ArrowRight" && isFolded) fold(item.key);
    else if (event.key === "ArrowRight") moveTo(Math.min(items.length - 1, at + 1));
    else if (event.key === "ArrowLeft" && item.kind === "span" && item.span.children.length > 0 && !isFolded)
      fold(item.key);
    else if (event.key === "ArrowLeft") moveTo(aboveOf(item, places, trace) ?? at);
    else return;
    event.preventDefault();
  };
  const measure = (key: string, height: number): void =>
    setMeasured((before) => (before.get(key) === height ? before : new Map(before).set(key, height)));

  const shown = items.slice(first, last);
  const tabbed = shown.some(({ key }) => key === current) ? current : shown[0]?.key;
  const end = offsetOf(heights, items.length);
  return (
    <div
      class={`waterfall${state.find || props.path ? " dimming" : ""}`}
      role="treegrid"
      aria-label="Spans"
      aria-rowcount={items.length + 1}
      aria-colcount={2}
    >
      <div class="scale" role="row" aria-rowindex={1}>
        <span role="columnheader">Service and span</span>
        <span role="columnheader" class="ticks" aria-label="Time">
          {[0, 0.25, 0.5, 0.75, 1].map((share) => (
            <i
              key={share}
              class={share === 1 ? "end" : ""}
              style={share === 1 ? { right: 0 } : { left: `${share * 100}%` }}
            >
              {offset((view.from + share * (view.to - view.from)) * trace.duration)}
            </i>
          ))}
        </span>
      </div>
      <div
        ref={list}
        role="rowgroup"
        class="waterfall-rows"
        style={{ paddingTop: `${offsetOf(heights, first)}px`, paddingBottom: `${end - offsetOf(heights, last)}px` }}
        onKeyDown={press}
      >
        {shown.map((item, at) => {
          const shared = {
            at: first + at,
            trace,
            view,
            isOpen: isOpen(item),
            isTabbed: item.key === tabbed,
            focused: () => setCurrent(item.key),
            toggle: () => toggle(item),
          };
          return (
            <div class="waterfall-item" role="none" key={item.key}>
              {item.kind === "span" ? (
                <SpanRowView
                  item={item}
                  {...shared}
                  isFolded={folding.spans.has(item.key)}
                  fold={() => fold(item.key)}
                  self={props.selfs[item.span.index]!}
                  lines={lines.get(item.key)}
                  backlinks={props.linked.from.get(item.key)?.length ?? 0}
                  segments={props.path?.get(item.span.index)}
                  isDim={isDim(item.span.index, props)}
                  isTarget={target?.index === item.span.index}
                />
              ) : (
                <LineRow item={item} {...shared} isDim={isDim(item.span.index, props)} />
              )}
              {shared.isOpen && (
                <Measured measure={(height) => measure(item.key, height)}>
                  {item.kind === "span" ? (
                    <SpanDetails
                      span={item.span}
                      trace={trace}
                      self={props.selfs[item.span.index]!}
                      lines={lines.get(item.key) ?? []}
                      linked={props.linked}
                    />
                  ) : (
                    <LineDetails line={item.line} />
                  )}
                </Measured>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

const isDim = (span: number, { path, found }: WaterfallProps): boolean =>
  (found !== undefined && !found.has(span)) || (path !== undefined && !path.has(span));

/** The row that a row hangs on. */
function aboveOf(item: Item, places: ReadonlyMap<string, number>, trace: Trace): number | undefined {
  if (item.kind === "line") return places.get(item.span.id);
  return item.above === undefined ? undefined : places.get(trace.spans[item.above]!.id);
}

/** Tells its height, at first and whenever it changes. */
function Measured({ measure, children }: { measure: (height: number) => void; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => measure(box.current!.offsetHeight));
    measure(box.current!.offsetHeight);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={box} role="row">
      <div role="gridcell" aria-colspan={2}>
        {children}
      </div>
    </div>
  );
}

function LineDetails({ line }: { line: Line }) {
  return (
    <div class="span-details">
      <Fields line={line} filter={undefined} />
    </div>
  );
}
