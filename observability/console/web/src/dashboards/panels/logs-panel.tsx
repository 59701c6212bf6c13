/** A panel of log lines. */
import { LogLines } from "../../logs/log-lines.tsx";
import type { PanelProps } from "./panel-props.ts";

export function LogsPanel({ panel, title, data }: PanelProps) {
  const {
    showTime = false,
    wrapLogMessage = false,
    sortOrder = "Descending",
  } = (panel.options ?? {}) as { showTime?: boolean; wrapLogMessage?: boolean; sortOrder?: string };
  const lines = sortOrder === "Ascending" ? [...data.lines].reverse() : data.lines;
  return (
    <div class="logs-panel" tabIndex={0} role="group" aria-label={title}>
      <LogLines lines={lines} showTime={showTime} isWrapped={wrapLogMessage} />
    </div>
  );
}
