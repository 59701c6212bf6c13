/** Calls as a table: what the picture shows, to be read and compared. */
import { durationText, rateText, shareText } from "../components/figures.ts";
import { href } from "../router.ts";
import { type Call, type ServiceGraph, violation } from "./service-graph.ts";

/** The busiest calls first, those that break the catalog's rules before all. */
export function Calls({ graph, calls, caption }: { graph: ServiceGraph; calls: readonly Call[]; caption: string }) {
  const sorted = [...calls].sort((a, b) => wrongness(b) - wrongness(a) || b.rate - a.rate);
  return <div class="scrolling" tabIndex={0} role="group" aria-label={caption}>
    <table class="listing">
      <caption class="faint">{caption}</caption>
      <thead><tr><th>Client</th><th>Server</th><th>Kind</th><th class="number">Rate</th><th class="number">Fail</th><th class="number">p95</th><th>Catalog</th></tr></thead>
      <tbody>{sorted.map((call) => <CallRow key={call.id} call={call} wrong={violation(call, graph)} />)}</tbody>
    </table>
  </div>;
}

const wrongness = ({ permission }: Call): number => permission === "forbidden" ? 2 : permission === "unknown" ? 1 : 0;

function CallRow({ call, wrong }: { call: Call; wrong: string | undefined }) {
  const { client, server, rate, failed, p95, kind, permission } = call;
  return <tr data-call={`${client}>${server}`} data-kind={kind}>
    <td><a href={href({ path: "/map", node: client })}>{client}</a></td>
    <td><a href={href({ path: "/map", node: server })}>{server}</a></td>
    <td class="faint">{kind.replace("_", " ")}</td>
    <td class="number">{rate > 0 ? rateText(rate) : <span class="faint">none</span>}</td>
    <td class={failed > 0 ? "number bad" : "number"}>{rate > 0 ? shareText(failed) : ""}</td>
    <td class="number">{rate > 0 ? durationText(p95) : ""}</td>
    <td class={permission === "forbidden" ? "bad" : permission === "unknown" ? "warning" : "faint"} title={wrong}>{permission}</td>
  </tr>;
}
