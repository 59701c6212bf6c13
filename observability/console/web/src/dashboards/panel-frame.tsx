/** A panel: title, what is to be said about it, and what its kind draws. */
import type { ComponentChild } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Size, useSize } from "../charts/size.ts";
import { ErrorNote } from "../components/notes.tsx";
import { go, href } from "../router.ts";
import { rangeOfPanel } from "./ask.ts";
import { Inspect } from "./inspect.tsx";
import { interpolate, type Scope } from "./interpolation.ts";
import type { Panel } from "./json.ts";
import type { PlacedPanel } from "./layout.ts";
import { dataLinks } from "./links.ts";
import { HeatmapPanel } from "./panels/heatmap-panel.tsx";
import { LogsPanel } from "./panels/logs-panel.tsx";
import type { PanelProps } from "./panels/panel-props.ts";
import { BarGaugePanel, GaugePanel, StatPanel } from "./panels/stat-panel.tsx";
import { StatePanel } from "./panels/state-panel.tsx";
import { TablePanel } from "./panels/table-panel.tsx";
import { TextPanel } from "./panels/text-panel.tsx";
import { TimeSeriesPanel } from "./panels/time-series-panel.tsx";
import { unsupportedIn } from "./supported.ts";
import { type PanelState, useInSight, usePanelData } from "./use-panel-data.ts";
import { useView } from "./view.ts";

const KINDS: Readonly<Record<string, (props: PanelProps) => ComponentChild>> = {
  timeseries: TimeSeriesPanel,
  stat: StatPanel,
  gauge: GaugePanel,
  bargauge: BarGaugePanel,
  table: TablePanel,
  logs: LogsPanel,
  heatmap: HeatmapPanel,
  "state-timeline": StatePanel,
  "status-history": StatePanel,
};
/** Widths that questions are asked for; a little more or less room asks nothing new. */
const WIDTH_STEP = 100;

/** A panel with its scope: the dashboard's variables and those of its repetition. */
export function PanelFrame({
  placed: { key, panel, scope: own },
  scope: outer,
  isAlone = false,
}: {
  placed: PlacedPanel;
  scope: Scope;
  isAlone?: boolean;
}) {
  const { timing, place, variables } = useView(),
    holder = useRef<HTMLElement>(null),
    body = useRef<HTMLDivElement>(null);
  const scope = Object.keys(own).length > 0 ? { ...outer, ...own } : outer,
    stable = useStable(scope);
  const size = useSize(body),
    isInSight = useInSight(holder),
    width = Math.ceil(size.width / WIDTH_STEP) * WIDTH_STEP;
  const state = usePanelData(panel, stable, timing.range, `${timing.from} ${timing.to}`, width, isInSight);
  const title = interpolate(panel.title ?? "", scope, "title"),
    isInspected = place.query.get("inspect") === key;
  return (
    <section
      ref={holder}
      class={panel.transparent ? "panel transparent" : "panel"}
      data-panel={title}
      data-key={key}
      data-kind={panel.type}
      role="group"
      aria-label={title || panel.type}
      aria-busy={state.isLoading && isInSight}
      tabIndex={-1}
    >
      <Header
        panelKey={key}
        panel={panel}
        title={title}
        state={state}
        scope={stable}
        isAlone={isAlone}
        variables={variables}
      />
      <div class="panel-body" ref={body}>
        <Body panelKey={key} panel={panel} title={title} state={state} scope={stable} size={size} />
      </div>
      {isInspected && <Inspect panel={panel} title={title} state={state} scope={stable} />}
    </section>
  );
}

/** The same object for as long as it says the same, so that questions are not made anew. */
function useStable<T>(value: T): T {
  const kept = useRef(value),
    before = useRef(""),
    text = JSON.stringify(value);
  if (before.current !== text) [kept.current, before.current] = [value, text];
  return kept.current;
}

function Body({
  panelKey,
  panel,
  title,
  state,
  scope,
  size,
}: {
  panelKey: string;
  panel: Panel;
  title: string;
  state: PanelState;
  scope: Scope;
  size: Size;
}) {
  const { data, error, isLoading, questions } = state,
    Kind = Object.hasOwn(KINDS, panel.type) ? KINDS[panel.type] : undefined;
  if (panel.type === "text") return <TextPanel panel={panel} title={title} scope={scope} />;
  if (!Kind) return <p class="note">The console does not draw panels of the type {panel.type}.</p>;
  if (!data)
    return error ? (
      <ErrorNote error={error} />
    ) : isLoading || questions.length > 0 ? (
      <p class="note loading">Loading</p>
    ) : (
      <p class="note">The panel has no query that can be asked.</p>
    );
  const isEmpty =
    panel.type === "logs"
      ? false
      : data.frames.every(({ fields }) => fields.every(({ values }) => values.every((value) => value === null)));
  return (
    <>
      {error && <ErrorNote error={error} />}
      {isEmpty ? (
        <p class="note empty">{panel.fieldConfig?.defaults?.noValue || "No data"}</p>
      ) : (
        size.height > 0 && (
          <Kind panelKey={panelKey} panel={panel} title={title} data={data} scope={scope} size={size} />
        )
      )}
    </>
  );
}

interface HeaderProps {
  panelKey: string;
  panel: Panel;
  title: string;
  state: PanelState;
  scope: Scope;
  isAlone: boolean;
  variables: readonly string[];
}

function Header({ panelKey, panel, title, state, scope, isAlone, variables }: HeaderProps) {
  const {
      timing: { from, to, range },
    } = useView(),
    own = rangeOfPanel(panel, range),
    hasOwnTime = (panel.timeFrom || panel.timeShift) && !panel.hideTimeOverride;
  const links = dataLinks(panel.links ?? [], undefined, scope, { from, to }),
    description = interpolate(panel.description ?? "", scope, "title");
  const missing = unsupportedIn(panel, [...variables, ...Object.keys(scope)]),
    warnings = state.data?.warnings ?? [];
  return (
    <header class="panel-header">
      <h3 title={title}>{title}</h3>
      {description && (
        <Said label="Description" mark="i">
          {description}
        </Said>
      )}
      {missing.length > 0 && (
        <Said label={`Not drawn: ${missing.length}`} mark="◪" kind="unsupported">
          <b>The console does not draw this of the dashboard's JSON:</b>
          <ul>
            {missing.map((text) => (
              <li key={text}>
                <code>{text}</code>
              </li>
            ))}
          </ul>
        </Said>
      )}
      {warnings.length > 0 && (
        <Said label={`Warnings: ${warnings.length}`} mark="⚠" kind="warnings">
          <ul>
            {warnings.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Said>
      )}
      {hasOwnTime && (
        <span class="faint" title={`${new Date(own.from).toISOString()} to ${new Date(own.to).toISOString()}`}>
          {[panel.timeFrom && `last ${panel.timeFrom}`, panel.timeShift && `${panel.timeShift} earlier`]
            .filter(Boolean)
            .join(", ")}
        </span>
      )}
      {links.map((link) => (
        <a key={link.href} href={link.href} {...(link.isNewTab ? { target: "_blank", rel: "noopener" } : {})}>
          {link.title}
        </a>
      ))}
      <span class="panel-actions">
        <a
          href={href({ viewPanel: isAlone ? undefined : panelKey })}
          aria-label={isAlone ? `Back to the dashboard from ${title}` : `Show ${title} alone`}
          title={isAlone ? "Back to the dashboard (Esc)" : "Show alone (v)"}
        >
          {isAlone ? "⤡" : "⤢"}
        </a>
        {panel.type !== "text" && (
          <a href={href({ inspect: panelKey })} aria-label={`Inspect ${title}`} title="Inspect (i)">
            ⋯
          </a>
        )}
      </span>
      {state.isLoading && state.questions.length > 0 && <span class="progress" aria-hidden="true" />}
    </header>
  );
}

/** Something to be said about a panel, on demand: by pointer, focus or press. */
function Said({
  label,
  mark,
  kind = "",
  children,
}: {
  label: string;
  mark: string;
  kind?: string;
  children: ComponentChild;
}) {
  const [isOpen, setOpen] = useState(false),
    holder = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const leave = (event: Event): void => {
      if (!holder.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", leave);
    return () => removeEventListener("pointerdown", leave);
  }, [isOpen]);
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      setOpen(false);
    }
  };
  return (
    <span class={`said ${kind}`} ref={holder} onKeyDown={key}>
      <button aria-expanded={isOpen} aria-label={label} title={label} onClick={() => setOpen(!isOpen)}>
        {mark}
      </button>
      {isOpen && (
        <div class="popup" role="note">
          {children}
        </div>
      )}
    </span>
  );
}

/** Turn a panel's inspection on or off. */
export const inspect = (key: string | undefined, tab?: string): void => go({ inspect: key, inspectTab: tab });
