/** Rows of the waterfall. */
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { level } from "../logs/line.ts";
import type { Line } from "../stores/loki.ts";
import { brief } from "../text.ts";
import type { Segment } from "./critical-path.ts";
import type { LineItem, SpanItem } from "./items.ts";
import { offset, took } from "./took.ts";
import { endOf, type Trace } from "./trace.ts";
import type { View } from "./view.ts";

interface RowProps {
  /** Its place among all rows. */
  at: number;
  trace: Trace;
  view: View;
  isOpen: boolean;
  isTabbed: boolean;
  isDim: boolean;
  focused: () => void;
  toggle: () => void;
}

interface SpanRowProps extends RowProps {
  item: SpanItem;
  isFolded: boolean;
  fold: () => void;
  self: number;
  lines: readonly Line[] | undefined;
  /** How many spans of other traces refer to it. */
  backlinks: number;
  segments: readonly Segment[] | undefined;
  /** Whether it is the one that a search has led to. */
  isTarget: boolean;
}

/** Levels beyond are not indented further. */
const MAX_INDENT = 24;
const indent = (depth: number): { paddingLeft: string } => ({ paddingLeft: `${Math.min(depth, MAX_INDENT) * 10}px` });

/** Where a moment is in the part in sight: a share, below 0 or above 1 where it is out of it. */
const shareOf = (at: number, trace: Trace, view: View): number =>
  ((at - trace.start) / trace.duration - view.from) / (view.to - view.from);
const percent = (share: number): string => `${(share * 100).toFixed(3)}%`;

function rowAttributes({ at, isTabbed, isDim, focused, isOpen }: RowProps, depth: number, kind: string) {
  return {
    role: "row" as const,
    class: `row ${kind}${isDim ? " dim" : ""}${isOpen ? " open" : ""}`,
    "data-row": at,
    "aria-rowindex": at + 2,
    "aria-level": depth + 1,
    tabIndex: isTabbed ? 0 : -1,
    onFocus: focused,
  };
}

export function SpanRowView(props: SpanRowProps) {
  const {
    item: { span, level: depth, folded },
    trace,
    isFolded,
    fold,
    toggle,
    lines,
    backlinks,
    isTarget,
  } = props;
  const hasChildren = span.children.length > 0;
  return (
    <div
      {...rowAttributes(props, depth, `span-row${span.isFailed ? " failed" : ""}${isTarget ? " target" : ""}`)}
      data-span={span.id}
      aria-expanded={hasChildren ? !isFolded : undefined}
      aria-selected={props.isOpen}
      onClick={toggle}
    >
      <div role="gridcell" class="who" style={indent(depth)}>
        {hasChildren ? (
          <button
            class="fold"
            tabIndex={-1}
            aria-label={isFolded ? "Unfold" : "Fold"}
            onClick={(event) => {
              event.stopPropagation();
              fold();
            }}
          >
            {isFolded ? "▸" : "▾"}
          </button>
        ) : (
          <span class="fold" />
        )}
        <span class="swatch" style={{ background: hopColour(span.service) }} />
        <span class="service">
          <Name text={span.service} limit={60} />
        </span>
        <span class="name" title={brief(span.name)}>
          <Name text={span.name} />
        </span>
        {span.isFailed && (
          <b class="error" title="Failed" aria-label="failed">
            ✗
          </b>
        )}
        {folded > 0 && (
          <span class="badge" title={`${folded} spans folded into it`}>
            +{folded}
          </span>
        )}
        {lines && (
          <span class="badge" title={`${lines.length} log lines`}>
            ≡{lines.length}
          </span>
        )}
        {span.links.length > 0 && (
          <span class="badge" title={`${span.links.length} links`}>
            ↗{span.links.length}
          </span>
        )}
        {backlinks > 0 && (
          <span class="badge" title={`linked from ${backlinks} spans`}>
            ↙{backlinks}
          </span>
        )}
      </div>
      <div role="gridcell" class="lane">
        <Bar {...props} />
        <span class="hidden">at {offset(span.start - trace.start)}</span>
      </div>
    </div>
  );
}

function Bar({ item: { span }, trace, view, segments, self }: SpanRowProps) {
  const left = shareOf(span.start, trace, view),
    right = shareOf(endOf(span), trace, view);
  const from = Math.min(1, Math.max(0, left)),
    to = Math.min(1, Math.max(0, right));
  const text = took(span.duration);
  const label =
    to < 0.82
      ? { left: percent(to), class: "took after" }
      : from > 0.18
        ? { right: percent(1 - from), class: "took before" }
        : { left: percent(from), class: "took inside" };
  const { class: kind, ...placed } = label;
  return (
    <>
      {right >= 0 && left <= 1 && (
        <span
          class="bar"
          title={`${text}, of it itself ${took(self)}`}
          style={{ left: percent(from), width: percent(to - from), background: hopColour(span.service) }}
        />
      )}
      {segments?.map((segment) => (
        <Part key={segment.from} segment={segment} trace={trace} view={view} />
      ))}
      {span.events.slice(0, 50).map((event, at) => (
        <Mark
          key={at}
          kind="event"
          share={shareOf(event.at, trace, view)}
          title={`${brief(event.name)} at ${offset(event.at - trace.start)}`}
        />
      ))}
      <span class={kind} style={placed}>
        {text}
      </span>
    </>
  );
}

function Part({ segment, trace, view }: { segment: Segment; trace: Trace; view: View }) {
  const from = Math.max(0, shareOf(segment.from, trace, view)),
    to = Math.min(1, shareOf(segment.to, trace, view));
  return to < 0 || from > 1 ? null : (
    <span
      class="critical"
      title={`On the critical path: ${took(segment.to - segment.from)}`}
      style={{ left: percent(from), width: percent(Math.max(0, to - from)) }}
    />
  );
}

function Mark({ kind, share, title }: { kind: string; share: number; title: string }) {
  return share < 0 || share > 1 ? null : <span class={`mark ${kind}`} title={title} style={{ left: percent(share) }} />;
}

/** A log line at its span, and where on the time line it was written. */
export function LineRow(props: RowProps & { item: LineItem }) {
  const {
    item: { line, level: depth },
    trace,
    view,
    toggle,
  } = props;
  const degree = level(line),
    at = line.at * 1e3,
    share = shareOf(at, trace, view);
  const text = brief(line.text, 300);
  return (
    <div
      {...rowAttributes(props, depth, `line-row ${degree}`)}
      data-line={line.nanoseconds}
      aria-selected={props.isOpen}
      onClick={toggle}
    >
      <div role="gridcell" class="who" style={indent(depth)}>
        <span class="fold" />
        <span class="level">{degree}</span>
        <span class="name" title={text}>
          <bdi>{text}</bdi>
        </span>
      </div>
      <div role="gridcell" class="lane">
        <Mark kind={`line ${degree}`} share={share} title={`${degree} at ${offset(at - trace.start)}`} />
        {share >= 0 && share <= 1 && (
          <span
            class={`took ${share < 0.82 ? "after" : "before"}`}
            style={share < 0.82 ? { left: percent(share) } : { right: percent(1 - share) }}
          >
            {offset(at - trace.start)}
          </span>
        )}
      </div>
    </div>
  );
}
