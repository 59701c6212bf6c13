/** Which layer each node of a directed graph is in. */

export interface Arc { id: string; from: string; to: string }

/** The ids of the edges that close a cycle; turned around, the others and they have none. Self-loops are not among them. */
export function closingEdges(ids: readonly string[], edges: readonly Arc[]): Set<string> {
  const closing = new Set<string>(), leaving = outgoing(ids, edges);
  const state = new Map<string, "open" | "done">();
  const visit = (id: string): void => {
    state.set(id, "open");
    for (const edge of leaving.get(id)!) {
      const seen = state.get(edge.to);
      if (seen === "open") closing.add(edge.id);
      else if (seen === undefined) visit(edge.to);
    }
    state.set(id, "done");
  };
  const arriving = new Map(ids.map((id) => [id, 0]));
  for (const { from, to } of edges) if (from !== to && arriving.has(to)) arriving.set(to, arriving.get(to)! + 1);
  // Where nothing arrives, ways begin; what only cycles lead to follows in the order given.
  for (const id of [...ids.filter((one) => arriving.get(one) === 0), ...ids]) if (!state.has(id)) visit(id);
  return closing;
}

/**
 * Layers from 0 on of a graph without cycles: each node is behind all that lead to it, and as near as that allows to
 * what it leads to.
 */
export function ranks(ids: readonly string[], edges: readonly Arc[]): Map<string, number> {
  const rank = new Map(ids.map((id) => [id, 0])), leaving = outgoing(ids, edges);
  const order = topological(ids, leaving);
  for (const id of order) for (const { to } of leaving.get(id)!) rank.set(to, Math.max(rank.get(to)!, rank.get(id)! + 1));
  const arriving = new Set(edges.filter(({ from, to }) => from !== to).map(({ to }) => to));
  for (const id of ids) {
    const next = leaving.get(id)!.map(({ to }) => rank.get(to)!);
    if (!arriving.has(id) && next.length > 0) rank.set(id, Math.min(...next) - 1);
  }
  return rank;
}

function outgoing(ids: readonly string[], edges: readonly Arc[]): Map<string, Arc[]> {
  const found = new Map<string, Arc[]>(ids.map((id) => [id, []]));
  for (const edge of edges) if (edge.from !== edge.to && found.has(edge.to)) found.get(edge.from)?.push(edge);
  return found;
}

function topological(ids: readonly string[], leaving: ReadonlyMap<string, readonly Arc[]>): string[] {
  const order: string[] = [], seen = new Set<string>();
  const visit = (id: string): void => {
    seen.add(id);
    for (const { to } of leaving.get(id)!) if (!seen.has(to)) visit(to);
    order.push(id);
  };
  for (const id of ids) if (!seen.has(id)) visit(id);
  return order.reverse();
}
