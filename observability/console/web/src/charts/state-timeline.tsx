/** States over time: a row of coloured stretches for each series. */
import { useState } from "preact/hooks";
import { clock, dateTime, type Range, stamp } from "../time.ts";
import { stretches } from "./states.ts";
import { Tooltip } from "./tooltip.tsx";

export interface StateRow {
  name: string;
  times: readonly number[];
  values: readonly (string | number | null)[];
  /** How a value is shown. */
  show: (value: string | number | null) => { text: string; colour: string; textColour: string };
}
export interface StateTimelineProps {
  label: string;
  rows: readonly StateRow[];
  range: Range;
  /** Whether equal neighbours are one stretch; a status history keeps them apart. */
  isMerged: boolean;
  /** Share of a row's height, 0 to 1. */
  rowHeight: number;
  showValue: "auto" | "always" | "never";
  align: "left" | "center" | "right";
  hasTooltip?: boolean;
}
interface Pointed {
  x: number;
  y: number;
  name: string;
  text: string;
  from: number;
  to: number;
}

const MARKS = 6;

export function StateTimeline({
  label,
  rows,
  range,
  isMerged,
  rowHeight,
  showValue,
  align,
  hasTooltip = true,
}: StateTimelineProps) {
  const [pointed, setPointed] = useState<Pointed>(),
    span = range.to - range.from;
  const shareOf = (at: number): number => 100 * Math.min(1, Math.max(0, (at - range.from) / span));
  const marks = Array.from({ length: MARKS - 1 }, (_, index) => range.from + (span * (index + 1)) / MARKS);
  return (
    <div class="states" role="group" aria-label={label}>
      <div class="state-rows">
        {rows.map(({ name, times, values, show }, index) => (
          <div key={index} class="state-row" data-series={name}>
            <span class="name" title={name}>
              {name}
            </span>
            <ol class="state-track" style={{ height: `${100 * rowHeight}%` }}>
              {stretches(times, values, range.to, isMerged).map(({ from, to, value }) => {
                const { text, colour, textColour } = show(value),
                  left = shareOf(from),
                  width = shareOf(to) - left;
                if (width <= 0) return null;
                const point = (event: Event): void => {
                  const box = (event.currentTarget as Element).getBoundingClientRect();
                  setPointed({ x: box.left + box.width / 2, y: box.top, name, text, from, to });
                };
                return (
                  <li
                    key={from}
                    tabIndex={0}
                    data-state={text}
                    aria-label={`${text}, ${dateTime(from)} to ${dateTime(to)}`}
                    style={{
                      left: `${left}%`,
                      width: isMerged ? `${width}%` : `calc(${width}% - 1px)`,
                      background: colour,
                      color: textColour,
                      textAlign: align,
                    }}
                    onMouseEnter={point}
                    onFocus={point}
                    onMouseLeave={() => setPointed(undefined)}
                    onBlur={() => setPointed(undefined)}
                  >
                    {showValue !== "never" && (showValue === "always" || width > text.length * 1.2) && text}
                  </li>
                );
              })}
            </ol>
          </div>
        ))}
      </div>
      <div class="state-times" aria-hidden="true">
        {marks.map((at) => (
          <span key={at} style={{ left: `${shareOf(at)}%` }}>
            {span > 86400e3 ? dateTime(at).slice(5, 16) : clock(at).slice(0, span < 600e3 ? 8 : 5)}
          </span>
        ))}
      </div>
      {hasTooltip && pointed && (
        <Tooltip x={pointed.x} y={pointed.y}>
          <b>
            {pointed.name}: {pointed.text}
          </b>
          <div class="faint">
            {stamp(pointed.from).slice(0, 19)} to {stamp(pointed.to).slice(0, 19)}
          </div>
        </Tooltip>
      )}
    </div>
  );
}
