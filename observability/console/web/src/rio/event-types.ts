/** Event types, put together from Rio's topology and its schemas. */
import type { Schema, Topology } from "../stores/rio.ts";

export interface EventType {
  name: string;
  emitters: string[];
  subscriptions: string[];
  /** Events in the last hour, of all emitters. */
  seen: number;
  schema: Schema | undefined;
}

/** The types of the topology, and those that only have a schema; by name. */
export function typesOf({ nodes, edges }: Topology, schemas: readonly Schema[]): EventType[] {
  const names = new Set([...nodes.filter(({ kind }) => kind === "type").map(({ name }) => name), ...schemas.map(({ type }) => type)]);
  return [...names].sort().map((name) => {
    const id = `type:${name}`, arriving = edges.filter(({ to }) => to === id), leaving = edges.filter(({ from }) => from === id);
    return {
      name,
      emitters: arriving.map(({ from }) => after(from)).sort(),
      subscriptions: leaving.map(({ to }) => after(to)).sort(),
      seen: arriving.reduce((sum, { seen }) => sum + seen, 0),
      schema: schemas.find(({ type }) => type === name),
    };
  });
}

const after = (id: string): string => id.slice(id.indexOf(":") + 1);
