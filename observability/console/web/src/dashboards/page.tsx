/** A dashboard, drawn from its Grafana JSON. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Annotation } from "../charts/layers.ts";
import { useKeys } from "../components/keys.ts";
import { ErrorNote } from "../components/notes.tsx";
import { shiftRange, TimeControls, type Timing, useTimeRange } from "../components/time-range.tsx";
import { go, href, type Place } from "../router.ts";
import { get } from "../stores/http.ts";
import { useAnswer } from "../use-answer.ts";
import { annotationQueries, annotations } from "./annotations.ts";
import { DashboardLinks } from "./dashboard-links.tsx";
import { Help } from "./help.tsx";
import { interpolate, type Scope } from "./interpolation.ts";
import type { AnnotationQuery, Dashboard } from "./json.ts";
import { type PlacedPanel, type Section, sections } from "./layout.ts";
import { inspect, PanelFrame } from "./panel-frame.tsx";
import { unsupportedOf } from "./supported.ts";
import { useVariables } from "./use-variables.ts";
import { VariableControls } from "./variable-controls.tsx";
import { scopeOf } from "./variables.ts";
import { ViewProvider } from "./view.ts";

export function DashboardPage({ uid, place }: { uid: string; place: Place }) {
  const { answer, error } = useAnswer(
    (signal) => get<Dashboard>(`dashboards/${encodeURIComponent(uid)}`, {}, signal),
    [uid],
  );
  if (error)
    return (
      <>
        <ErrorNote error={error} />
        <p class="note">
          <a href="/dashboards">All dashboards</a>
        </p>
      </>
    );
  return answer?.uid === uid ? (
    <Shown key={uid} dashboard={answer} place={place} />
  ) : (
    <p class="note loading">Loading</p>
  );
}

function Shown({ dashboard, place }: { dashboard: Dashboard; place: Place }) {
  const { time, refresh, title } = dashboard;
  const timing = useTimeRange(place, time ?? { from: "now-30m", to: "now" }, refresh || "off"),
    resolved = useVariables(dashboard, place, timing.range);
  const scope = useMemo(() => resolved && scopeOf(resolved), [resolved]),
    marks = useAnnotations(dashboard, place, scope, timing);
  useEffect(() => {
    document.title = `${title} · nextphase`;
  }, [title]);
  const missing = useMemo(() => unsupportedOf(dashboard), [dashboard]),
    [isHelping, setHelping] = useState(false);
  useDashboardKeys(place, timing, () => setHelping(true));
  const view = useMemo(
    () => ({
      dashboard,
      place,
      timing,
      annotations: marks.found,
      variables: (dashboard.templating?.list ?? []).map(({ name }) => name),
    }),
    [dashboard, place, timing.range, timing.from, timing.to, marks.found],
  );
  return (
    <ViewProvider value={view}>
      <div class="bar">
        <h1>{title}</h1>
        {resolved && <VariableControls resolved={resolved} />}
        <AnnotationControls
          queries={annotationQueries(dashboard)}
          off={place.query.getAll("annotations-off")}
          error={marks.error}
        />
        <DashboardLinks links={dashboard.links ?? []} current={dashboard.uid} scope={scope ?? {}} timing={timing} />
        <TimeControls timing={timing} />
        <button aria-label="Keys" title="Keys (?)" onClick={() => setHelping(true)}>
          ?
        </button>
      </div>
      {missing.length > 0 && (
        <p class="note warning" role="note">
          Not drawn: {missing.join("; ")}
        </p>
      )}
      {scope ? <Panels dashboard={dashboard} place={place} scope={scope} /> : <p class="note loading">Loading</p>}
      {isHelping && <Help close={() => setHelping(false)} />}
    </ViewProvider>
  );
}

function Panels({ dashboard, place, scope }: { dashboard: Dashboard; place: Place; scope: Scope }) {
  const turned = place.query.getAll("rows"),
    alone = place.query.get("viewPanel"),
    all = useMemo(() => sections(dashboard.panels, scope, turned), [dashboard, scope, turned.join("\n")]);
  if (alone !== null) {
    const found = all.flatMap((section) => section.panels).find(({ key }) => key === alone || `panel-${key}` === alone);
    if (!found)
      return (
        <p class="note error">
          There is no panel {alone}. <a href={href({ viewPanel: undefined })}>Back to the dashboard</a>
        </p>
      );
    return (
      <div class="board-alone">
        <PanelFrame key={found.key} placed={found} scope={scope} isAlone />
      </div>
    );
  }
  return (
    <>
      {all.map((section) => (
        <Row key={section.key} section={section} scope={scope} turned={turned} />
      ))}
    </>
  );
}

function Row({
  section: { key, row, scope: own, isFolded, panels },
  scope,
  turned,
}: {
  section: Section;
  scope: Scope;
  turned: readonly string[];
}) {
  const title = row && (interpolate(row.title ?? "", { ...scope, ...own }, "title") || "Panels");
  const turn = (): void =>
    go({ rows: turned.includes(key) ? turned.filter((one) => one !== key) : [...turned, key] }, { replace: true });
  return (
    <div class="board-row">
      {row && (
        <h2>
          <button class="row-title" aria-expanded={!isFolded} onClick={turn}>
            <span aria-hidden="true">{isFolded ? "▸" : "▾"}</span> {title}{" "}
            {isFolded && <small class="faint">({panels.length} panels)</small>}
          </button>
        </h2>
      )}
      {!isFolded && (
        <div class="board-grid">
          {panels.map((placed) => (
            <Cell key={placed.key} placed={placed} scope={scope} />
          ))}
        </div>
      )}
    </div>
  );
}

/** A panel's place in the grid; below 800 px all panels stand below each other. */
function Cell({ placed, scope }: { placed: PlacedPanel; scope: Scope }) {
  const { x, y, w, h } = placed.at;
  return (
    <div class="board-cell" style={{ "--x": x + 1, "--y": y + 1, "--w": w, "--h": h }}>
      <PanelFrame placed={placed} scope={scope} />
    </div>
  );
}

const NOTHING: readonly Annotation[] = [];

/** Annotations of the range, asked for once for all panels. */
function useAnnotations(
  dashboard: Dashboard,
  place: Place,
  scope: Scope | undefined,
  timing: Timing,
): { found: readonly Annotation[]; error?: Error } {
  const off = place.query.getAll("annotations-off"),
    on = annotationQueries(dashboard).filter(({ enable, name }) => (enable ?? true) !== off.includes(name)),
    { from, to } = timing.range;
  const names = on.map(({ name }) => name).join("\n");
  const { answer, error } = useAnswer(
    async (signal) =>
      scope && on.length > 0
        ? (await Promise.all(on.map((query) => annotations(query, scope, { from, to }, signal)))).flat()
        : NOTHING,
    [dashboard, scope, names, on.length > 0 ? from : 0, on.length > 0 ? to : 0],
  );
  return { found: answer ?? NOTHING, ...(error ? { error } : {}) };
}

/** Which annotations are shown; those that are not as the dashboard says stand in the address. */
function AnnotationControls({
  queries,
  off,
  error,
}: {
  queries: readonly AnnotationQuery[];
  off: readonly string[];
  error: Error | undefined;
}) {
  const turn = (name: string): void =>
    go(
      { "annotations-off": off.includes(name) ? off.filter((one) => one !== name) : [...off, name] },
      { replace: true },
    );
  return (
    <>
      {queries
        .filter(({ hide }) => !hide)
        .map(({ name, enable = true }) => (
          <label key={name} class="annotation">
            <input type="checkbox" checked={enable !== off.includes(name)} onChange={() => turn(name)} /> {name}
          </label>
        ))}
      {error && (
        <span class="error" role="alert">
          Annotations: {error.message}
        </span>
      )}
    </>
  );
}

/** The key of the panel under the pointer, else of the one that has the focus. */
function pointedPanel(): string | undefined {
  const hovered = document.querySelector<HTMLElement>(".panel:hover"),
    focused = document.activeElement?.closest<HTMLElement>(".panel");
  return (hovered ?? focused)?.dataset.key;
}

/** The keys that Grafana has for a dashboard. */
function useDashboardKeys(place: Place, timing: Timing, help: () => void): void {
  const query = place.query,
    withPanel = (act: (key: string) => void) => (): void | false => {
      const key = query.get("viewPanel") ?? pointedPanel();
      return key === undefined ? false : act(key);
    };
  const open = (tab?: string) => withPanel((key) => inspect(key, tab));
  useKeys({
    "d r": timing.refreshNow,
    "t z": () => shiftRange(timing.range, "out"),
    "t +": () => zoomIn(timing),
    "t =": () => zoomIn(timing),
    "t -": () => shiftRange(timing.range, "out"),
    "t ArrowLeft": () => shiftRange(timing.range, "earlier"),
    "t ArrowRight": () => shiftRange(timing.range, "later"),
    "t a": () => go({ from: Math.round(timing.range.from), to: Math.round(timing.range.to) }),
    v: withPanel((key) => go({ viewPanel: query.has("viewPanel") ? undefined : key })),
    i: open(),
    e: open("query"),
    "?": () => help(),
    Escape: () => {
      if (document.querySelector("dialog[open], .popup, .tooltip.pinned")) return false;
      return query.has("viewPanel") ? go({ viewPanel: undefined }) : false;
    },
  });
}

function zoomIn({ range: { from, to } }: Timing): void {
  const quarter = (to - from) / 4;
  go({ from: Math.round(from + quarter), to: Math.round(to - quarter) });
}
