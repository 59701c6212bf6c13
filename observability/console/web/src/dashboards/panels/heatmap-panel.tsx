/** A panel of a histogram's buckets over time. */
import { useMemo } from "preact/hooks";
import { Heatmap } from "../../charts/heatmap.tsx";
import { go } from "../../router.ts";
import { formatOf } from "../../units.ts";
import { scaleColour } from "../colours.ts";
import { aligned } from "../frames.ts";
import { exemplarMark } from "./time-series-panel.tsx";
import type { PanelProps } from "./panel-props.ts";

interface HeatmapOptions {
  color?: { scheme?: string; exponent?: number; reverse?: boolean; min?: number; max?: number; steps?: number };
  yAxis?: { unit?: string; decimals?: number };
  cellValues?: { unit?: string; decimals?: number };
  cellGap?: number;
  filterValues?: { le?: number };
  legend?: { show?: boolean };
  tooltip?: { mode?: string; show?: boolean };
}

export function HeatmapPanel({ panel, title, data }: PanelProps) {
  const options = (panel.options ?? {}) as HeatmapOptions,
    { color = {}, yAxis = {}, cellValues = {} } = options;
  const { scheme = "Oranges", exponent = 0.5, reverse = false, steps = 64 } = color;
  const written = formatOf(yAxis.unit, yAxis.decimals),
    bound = (value: number): string => (value === Infinity ? "+Inf" : written(value)),
    format = formatOf(cellValues.unit ?? "short", cellValues.decimals);
  const drawn = useMemo(() => {
    const { times, fields } = aligned(data.frames),
      bounds = fields.map(({ field }) => Number(field.title === "+Inf" ? Infinity : field.title));
    const buckets = fields.map(({ field, values }, index) => ({
      name: Number.isNaN(bounds[index]) ? (field.title ?? field.name) : bound(bounds[index]!),
      values,
    }));
    const exemplars = data.exemplars
      .map((exemplar) => ({
        ...exemplarMark(bound)(exemplar),
        bucket: bounds.findIndex((limit) => exemplar.value <= limit),
      }))
      .filter(({ bucket }) => bucket >= 0);
    return { times, buckets, exemplars };
  }, [data]);
  const colour = (share: number): string => {
    const stepped = Math.round(Math.min(1, Math.max(0, share)) ** exponent * (steps - 1)) / (steps - 1);
    return scaleColour(scheme, reverse ? 1 - stepped : stepped);
  };
  return (
    <Heatmap
      label={title}
      {...drawn}
      range={data.range}
      colour={colour}
      format={format}
      gap={options.cellGap ?? 1}
      hideBelow={options.filterValues?.le ?? 1e-9}
      showsScale={options.legend?.show ?? true}
      hasTooltip={options.tooltip?.mode !== "none" && options.tooltip?.show !== false}
      onZoom={({ from, to }) => go({ from, to })}
      {...(color.min === undefined ? {} : { min: color.min })}
      {...(color.max === undefined ? {} : { max: color.max })}
    />
  );
}
