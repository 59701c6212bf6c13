/** Every event type: rate, who emits and receives it, schema. */
import { ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { Name } from "../components/untrusted.tsx";
import { href, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { useAnswer } from "../use-answer.ts";
import { perTime, typeRates, type Values } from "./metrics.ts";
import { typesOf, type EventType } from "./event-types.ts";

export function EventTypes({ place }: { place: Place }) {
  const refresh = useRefresh(10), chosen = place.query.get("type");
  const flow = useAnswer((signal) => rio.topology(undefined, signal), [refresh.tick]);
  const schemas = useAnswer(rio.schemas, []);
  const rates = useAnswer((signal) => typeRates(Date.now(), signal), [refresh.tick]);
  const types = flow.answer ? typesOf(flow.answer, schemas.answer ?? []) : [];
  return <section>
    <div class="bar"><span class="faint">{types.length} event types; rates are those of the last 5 minutes</span><RefreshButton {...refresh} /></div>
    <ErrorNote error={flow.error} /><ErrorNote error={schemas.error} /><ErrorNote error={rates.error} />
    <div class="scrolling" tabIndex={0} role="group" aria-label="Event types"><table class="rows card">
      <thead><tr><th>Type</th><th class="number">Rate</th><th class="number">Last hour</th><th>Emitted by</th><th>Delivered to</th><th>Schema</th></tr></thead>
      <tbody>{types.map((type) => <TypeRow key={type.name} type={type} rates={rates.answer} isChosen={type.name === chosen} />)}</tbody>
    </table></div>
  </section>;
}

function TypeRow({ type, rates, isChosen }: { type: EventType; rates: Values | undefined; isChosen: boolean }) {
  return <tr id={type.name} class={isChosen ? "chosen" : ""}>
    <th scope="row"><a href={href({ path: "/rio/topology", type: type.name })} title="What it sets off"><Name text={type.name} /></a>
      <div class="links"><a href={href({ path: "/rio/tail", type: type.name })}>live tail</a></div></th>
    <td class="number" data-rate={type.name}>{rates ? perTime(rates.get(type.name) ?? 0) : ""}</td>
    <td class="number">{type.seen}</td>
    <td>{type.emitters.map((name) => <div key={name}><Name text={name} /></div>)}</td>
    <td>{type.subscriptions.map((name) => <div key={name}><a href={href({ path: "/rio/subscriptions", id: name })}><Name text={name} /></a></div>)}
      {type.subscriptions.length === 0 && <span class="faint">none</span>}</td>
    <td>{type.schema ? <SchemaView schema={type.schema} isOpen={isChosen} /> : <span class="faint">none: any data is taken</span>}</td>
  </tr>;
}

function SchemaView({ schema, isOpen }: { schema: rio.Schema; isOpen: boolean }) {
  return <details open={isOpen}>
    <summary>JSON Schema <span class="faint">of the {schema.origin === "catalog" ? "catalog" : "API"}</span></summary>
    <pre class="schema" tabIndex={0}>{JSON.stringify(schema.schema, null, 2)}</pre>
  </details>;
}
