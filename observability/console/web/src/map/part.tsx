/** One part of the map: how well it is, where to look further, whom it calls. */
import { href } from "../router.ts";
import { quoted } from "../logs/logql.ts";
import type { Health, State } from "./health.ts";
import type { Part, ServiceGraph } from "./service-graph.ts";
import { Calls } from "./calls.tsx";

const WORDS: Record<State, string> = { good: "well", warning: "with a warning", bad: "not well", unknown: "not known" };
/** Dashboards of parts that have one of their own. */
const DASHBOARDS: Record<string, string> = { gateway: "/d/nextphase-gateway", rio: "/d/nextphase-rio" };

export function PartDetails({ part, graph, health }: { part: Part; graph: ServiceGraph; health: Health }) {
  const { name, description, isKnown, isStore } = part, calls = graph.calls.filter(({ client, server }) => client === name || server === name);
  return <section class="card part-details" aria-label={name}>
    <header><h2>{name}</h2><a href={href({ node: undefined })} aria-label={`Close ${name}`}>✕</a></header>
    {description && <p class="faint">{description}</p>}
    {!isKnown && <p class="warning">The catalog does not know it.</p>}
    <p>It is <b class={health.state}>{WORDS[health.state]}</b>: {health.reasons.join("; ")}.</p>
    {isStore ? <p class="faint">It has no spans and lines of its own: those of its callers show it.</p> : <PartLinks name={name} />}
    <Calls graph={graph} calls={calls} caption={`Calls of ${name} and to it`} />
  </section>;
}

/** Where a part's telemetry is: dashboard, logs, traces, alerts. */
function PartLinks({ name }: { name: string }) {
  const board = DASHBOARDS[name];
  return <ul class="part-links">
    {board && <li><a href={href({ path: board })}>Dashboard</a></li>}
    <li><a href={href({ path: "/d/nextphase-service", "var-service": name })}>{board ? "Golden signals" : "Dashboard"}</a></li>
    <li><a href={href({ path: "/logs", query: `{service_name=${quoted(name)}}` })}>Logs</a></li>
    <li><a href={href({ path: "/traces", service: name })}>Traces</a></li>
    <li><a href={href({ path: "/alerts", service: name })}>Alerts</a></li>
  </ul>;
}
