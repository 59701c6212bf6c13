/** What the waterfall is told: find, critical path, folding. */
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { go } from "../router.ts";
import type { Trace } from "./trace.ts";
import { showFolding, toggled, type TraceState } from "./view.ts";

export interface ToolbarProps {
  trace: Trace;
  state: TraceState;
  /** How many spans are found, and which of them is shown. */
  found: number;
  hit: number;
  step: (by: number) => void;
}

const replace = { replace: true };

export function Toolbar(props: ToolbarProps) {
  const { trace, state } = props;
  return (
    <div class="toolbar">
      <Find {...props} />
      <label>
        Critical path{" "}
        <select value={state.path ?? ""} onChange={(event) => go({ critical: event.currentTarget.value }, replace)}>
          <option value="">off</option>
          <option value="trace">to the end of the trace</option>
          <option value="request">to the end of the first span</option>
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          checked={state.showsLines}
          onChange={() => go({ lines: state.showsLines ? "off" : undefined }, replace)}
        />{" "}
        Log lines
      </label>
      <FoldButtons trace={trace} state={state} />
    </div>
  );
}

function Find({ state, found, hit, step }: ToolbarProps) {
  const isFinding = state.find.trim() !== "";
  return (
    <div class="find" role="search">
      <input
        type="search"
        aria-label="Find in spans and log lines"
        placeholder="Find (/)"
        data-control="find"
        value={state.find}
        onInput={(event) => go({ find: event.currentTarget.value }, replace)}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            event.preventDefault();
            step(event.shiftKey ? -1 : 1);
          }
        }}
      />
      <button aria-label="Previous" disabled={found === 0} onClick={() => step(-1)}>
        ↑
      </button>
      <button aria-label="Next" disabled={found === 0} onClick={() => step(1)}>
        ↓
      </button>
      <span role="status" class="faint">
        {isFinding && (found === 0 ? "nothing found" : `${hit + 1} of ${found}`)}
      </span>
    </div>
  );
}

function FoldButtons({ trace, state: { folding } }: { trace: Trace; state: TraceState }) {
  const services = [...trace.services];
  const isAll = services.every(([name]) => folding.services.has(name));
  return (
    <div class="fold-buttons" role="group" aria-label="Fold by service">
      {services.map(([name, count]) => (
        <button
          key={name}
          aria-pressed={folding.services.has(name)}
          title="Fold spans of this service into the one that was entered first"
          onClick={() => showFolding({ ...folding, services: toggled(folding.services, name) })}
        >
          <span class="swatch" style={{ background: hopColour(name) }} />
          <Name text={name} limit={60} /> {count}
        </button>
      ))}
      <button
        onClick={() =>
          showFolding({ spans: folding.spans, services: new Set(isAll ? [] : services.map(([name]) => name)) })
        }
      >
        {isAll ? "Unfold" : "Fold"} all services
      </button>
      {folding.spans.size > 0 && (
        <button onClick={() => showFolding({ ...folding, spans: new Set() })}>Unfold spans</button>
      )}
    </div>
  );
}
