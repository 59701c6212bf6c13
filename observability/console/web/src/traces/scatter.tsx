/** Durations of traces over time. Drag over it to look closer. */
import { useRef, useState } from "preact/hooks";
import { useSize } from "../charts/size.ts";
import { Tooltip } from "../charts/tooltip.tsx";
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { follow, go } from "../router.ts";
import { clock, dateTime, type Range, stamp } from "../time.ts";
import { scaleOf } from "./scatter-scale.ts";
import { took } from "./took.ts";
import type { Trace } from "./trace.ts";

const DAY = 86_400_000;
const HEIGHT = 170,
  LEFT = 62,
  BOTTOM = 20,
  TOP = 10,
  RIGHT = 10;

export function Scatter({
  traces,
  range,
  isLogarithmic,
}: {
  traces: readonly Trace[];
  range: Range;
  isLogarithmic: boolean;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const { width } = useSize(holder);
  const [over, setOver] = useState<{ trace: Trace; x: number; y: number }>();
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const inner = Math.max(1, width - LEFT - RIGHT),
    tall = HEIGHT - TOP - BOTTOM;
  const scale = scaleOf(
    traces.map(({ duration }) => duration),
    isLogarithmic,
  );
  const write = range.to - range.from > DAY ? dateTime : clock;
  const xOf = (at: number): number => LEFT + ((at - range.from) / (range.to - range.from)) * inner;
  const yOf = (duration: number): number => TOP + tall * (1 - scale.share(duration));
  const timeAt = (event: PointerEvent): number => {
    const { left } = holder.current!.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left - LEFT) / inner));
    return range.from + share * (range.to - range.from);
  };
  const release = (): void => {
    if (drag && Math.abs(xOf(drag.to) - xOf(drag.from)) > 5)
      go({ from: Math.floor(Math.min(drag.from, drag.to)), to: Math.ceil(Math.max(drag.from, drag.to)) });
    setDrag(undefined);
  };
  return (
    <div class="card scatter" ref={holder}>
      {width > 0 && (
        <svg
          width="100%"
          height={HEIGHT}
          role="img"
          aria-label={`Durations of ${traces.length} traces over time; the list below has them all`}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setDrag({ from: timeAt(event), to: timeAt(event) });
          }}
          onPointerMove={(event) => drag && setDrag({ from: drag.from, to: timeAt(event) })}
          onPointerUp={release}
          onPointerCancel={() => setDrag(undefined)}
        >
          {scale.marks.map((mark) => (
            <g key={mark}>
              <line x1={LEFT} x2={LEFT + inner} y1={yOf(mark)} y2={yOf(mark)} />
              <text x={LEFT - 6} y={yOf(mark) + 4} text-anchor="end">
                {took(mark)}
              </text>
            </g>
          ))}
          {(width < 520 ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((share) => (
            <text
              key={share}
              x={LEFT + share * inner}
              y={HEIGHT - 5}
              text-anchor={share === 0 ? "start" : share === 1 ? "end" : "middle"}
            >
              {write(range.from + share * (range.to - range.from))}
            </text>
          ))}
          {drag && (
            <rect
              class="dragged"
              x={Math.min(xOf(drag.from), xOf(drag.to))}
              width={Math.abs(xOf(drag.to) - xOf(drag.from))}
              y={TOP}
              height={tall}
            />
          )}
          {traces.map((trace) => {
            const root = trace.spans[0]!,
              x = xOf(trace.start / 1e3),
              y = yOf(trace.duration);
            return (
              <circle
                key={trace.id}
                data-trace={trace.id}
                class={trace.failed > 0 ? "failed" : ""}
                cx={x}
                cy={y}
                r={3 + Math.min(7, Math.sqrt(trace.spans.length) / 2)}
                fill={hopColour(root.service)}
                onPointerEnter={(event) => setOver({ trace, x: event.clientX, y: event.clientY })}
                onPointerLeave={() => setOver(undefined)}
                onPointerDown={(event) => event.stopPropagation()}
                onClick={() => follow(`/trace/${trace.id}`)}
              />
            );
          })}
        </svg>
      )}
      {over && (
        <Tooltip x={over.x} y={over.y}>
          <b>
            <Name text={`${over.trace.spans[0]!.service} ${over.trace.spans[0]!.name}`} />
          </b>
          <div>
            {took(over.trace.duration)} · {over.trace.spans.length} spans
            {over.trace.failed > 0 && ` · ${over.trace.failed} failed`}
          </div>
          <div class="faint">{stamp(over.trace.start / 1e3)}</div>
        </Tooltip>
      )}
    </div>
  );
}
