/** Service map: who calls whom, how fast, and how well each part is. */
import { useAlerts } from "../alerts/use-alerts.ts";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { TimeControls, useTimeRange } from "../components/time-range.tsx";
import type { Place } from "../router.ts";
import { written } from "../time.ts";
import { Calls } from "./calls.tsx";
import { PartDetails } from "./part.tsx";
import { ServiceMap } from "./service-map.tsx";
import { type ServiceGraph, violation } from "./service-graph.ts";
import { useServiceGraph } from "./use-service-graph.ts";

export function MapPage({ place }: { place: Place }) {
  const timing = useTimeRange(place, { from: "now-5m", to: "now" }), { alerts, errors: alertErrors } = useAlerts(timing.range.to);
  const { graph, health, window, errors } = useServiceGraph(timing.range, alerts);
  const current = place.query.get("node") ?? undefined, part = graph?.parts.find(({ name }) => name === current);
  return <>
    <div class="bar"><h1>Service map</h1><span class="faint">rates over {written(window)}, up to the end of the range</span><TimeControls timing={timing} /></div>
    {[...errors, ...alertErrors].map((error) => <ErrorNote key={error.message} error={error} />)}
    {graph && <>
      <Violations graph={graph} />
      <div class="map-and-part">
        <div class="card"><ServiceMap graph={graph} health={health} current={current} /><Key /></div>
        {part && <PartDetails part={part} graph={graph} health={health(part.name)} />}
        {current && !part && <EmptyNote>There is no {current} on the map.</EmptyNote>}
      </div>
      <h2>Calls</h2>
      <Calls graph={graph} calls={graph.calls} caption="All calls that were seen or are permitted" />
    </>}
  </>;
}

/** Calls that are not as the catalog says. */
function Violations({ graph }: { graph: ServiceGraph }) {
  const found = graph.calls.flatMap((call) => violation(call, graph) ?? []);
  if (found.length === 0) return null;
  return <ul class="note error card map-violations" role="alert">{found.map((text) => <li key={text}>{text}</li>)}</ul>;
}

function Key() {
  return <p class="faint map-key">
    <span class="good">✓ well</span> <span class="warning">! warning</span> <span class="bad">✕ not well</span> <span>? not known</span>
    {" "}· on a call: rate, 95th percentile, share that fails · dashed: forbidden by the catalog, or not known to it · pale: permitted, not seen
  </p>;
}
