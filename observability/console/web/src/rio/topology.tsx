/** Who emits what to whom: as a picture and as a list. */
import { Name } from "../components/untrusted.tsx";
import { ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { Graph } from "../graph/graph.tsx";
import { go, href, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { useAnswer } from "../use-answer.ts";
import { edgesOf, meaning, nodesOf, type Link } from "./topology.ts";

const link: Link = (kind, name) => {
  if (kind === "type") return href({ path: "/rio/topology", type: name });
  return kind === "subscription" ? href({ path: "/rio/subscriptions", id: name }) : undefined;
};

export function TopologyTab({ place }: { place: Place }) {
  const type = place.query.get("type") ?? undefined, refresh = useRefresh(10);
  const all = useAnswer((signal) => rio.topology(undefined, signal), [refresh.tick]);
  const { answer, error } = useAnswer((signal) => rio.topology(type, signal), [type, refresh.tick]);
  const types = all.answer?.nodes.filter(({ kind }) => kind === "type").map(({ name }) => name) ?? [];
  const choices = type && !types.includes(type) ? [type, ...types] : types;
  return <section>
    <div class="bar">
      <label>Set off by <select value={type ?? ""} onChange={(event) => go({ type: event.currentTarget.value || undefined })}>
        <option value="">everything</option>
        {choices.map((name) => <option key={name}>{name}</option>)}
      </select></label>
      <span class="faint">Numbers are events of the last hour; thin lines are declared and have carried none; <span class="warning">undeclared</span> is what flows all the same.</span>
      <RefreshButton {...refresh} />
    </div>
    <ErrorNote error={error ?? all.error} />
    {answer && <div class="card"><Graph nodes={nodesOf(answer, type, link)} edges={edgesOf(answer)} label={type ? `What ${type} sets off` : "Who emits what to whom"} /></div>}
    {answer && <EdgeTable topology={answer} />}
  </section>;
}

function EdgeTable({ topology }: { topology: rio.Topology }) {
  const names = new Map(topology.nodes.map(({ id, name }) => [id, name]));
  const flows = topology.edges.filter(({ from }) => !from.startsWith("sink:"));
  return <details class="card">
    <summary>As a list: {flows.length} ways</summary>
    <table class="rows">
      <thead><tr><th>From</th><th>To</th><th>Declared and seen</th></tr></thead>
      <tbody>{flows.map((edge) => <tr key={`${edge.from}>${edge.to}`}>
        <td><Name text={names.get(edge.from) ?? edge.from} /></td><td><Name text={names.get(edge.to) ?? edge.to} /></td>
        <td class={edge.declared ? "" : "warning"}>{meaning(edge)}</td>
      </tr>)}</tbody>
    </table>
  </details>;
}
