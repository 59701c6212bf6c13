/** How many lines of each level there were over time. */
import type { Curve } from "../charts/curves.ts";
import { TimeSeries } from "../charts/time-series.tsx";
import { go } from "../router.ts";
import type { Series } from "../stores/prometheus.ts";
import type { Range } from "../time.ts";
import { countsByLevel } from "./counts.ts";
import { type Level, LEVELS } from "./line.ts";

export const LEVEL_COLOURS: Record<Level, string> = {
  trace: "#8a93a3",
  debug: "#7e9cd8",
  info: "#6fbf73",
  warning: "#e3b341",
  error: "#e5586c",
  critical: "#b3203c",
};

export function Histogram({ series, range, step }: { series: readonly Series[]; range: Range; step: number }) {
  const { times, counts } = countsByLevel(series, range, step);
  const curves = LEVELS.flatMap((level): Curve[] => {
    const values = counts.get(level);
    return values
      ? [{ name: level, colour: LEVEL_COLOURS[level], values, style: "bars", stack: "lines", fill: 0.9 }]
      : [];
  });
  return (
    <div class="card histogram">
      <TimeSeries
        label="Log lines over time by level"
        times={times.map((end) => end - step / 2)}
        curves={curves}
        range={range}
        height={130}
        onZoom={({ from, to }) => go({ from: Math.floor(from), to: Math.ceil(to) })}
      />
    </div>
  );
}
