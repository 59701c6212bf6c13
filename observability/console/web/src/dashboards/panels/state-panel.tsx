/** Panels of states over time: state timeline and status history. */
import { StateTimeline, type StateTimelineProps } from "../../charts/state-timeline.tsx";
import { onColour } from "../colours.ts";
import { shownFields, shownText } from "../fields.ts";
import { useView } from "../view.ts";
import type { PanelProps } from "./panel-props.ts";

interface StateOptions {
  mergeValues?: boolean;
  showValue?: StateTimelineProps["showValue"];
  alignValue?: StateTimelineProps["align"];
  rowHeight?: number;
  legend?: { showLegend?: boolean };
  tooltip?: { mode?: string };
}

export function StatePanel({ panel, title, data, scope }: PanelProps) {
  const {
      mergeValues = true,
      showValue = "auto",
      alignValue = "left",
      rowHeight = 0.9,
      tooltip,
    } = (panel.options ?? {}) as StateOptions,
    isTimeline = panel.type === "state-timeline";
  useView();
  const rows = data.frames.flatMap((frame) => {
    const times = frame.fields.find(({ kind }) => kind === "time")?.values as number[] | undefined;
    if (!times) return [];
    return shownFields(panel, [frame], scope).map((field) => ({
      name: field.name,
      times,
      values: field.field.values.map((value) => (typeof value === "boolean" ? String(value) : value)),
      show: (value: string | number | null) => {
        const display = field.display(value),
          colour = display.colour ?? field.colour;
        return { text: shownText(display), colour, textColour: onColour(colour) };
      },
    }));
  });
  return (
    <StateTimeline
      label={title}
      rows={rows}
      range={data.range}
      isMerged={isTimeline && mergeValues}
      rowHeight={rowHeight}
      showValue={isTimeline ? showValue : "never"}
      align={alignValue}
      hasTooltip={tooltip?.mode !== "none"}
    />
  );
}
