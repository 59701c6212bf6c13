/** Recent attempts to deliver: every failed one, and a sample of the others. */
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { LongText, Name } from "../components/untrusted.tsx";
import { ActionButton } from "../operate/action-button.tsx";
import { act } from "../operate/actions.ts";
import { useSession } from "../operate/session.ts";
import { href, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { stamp } from "../time.ts";
import { formatOf } from "../units.ts";
import { useAnswer } from "../use-answer.ts";
import { HiddenNote } from "./hidden-note.tsx";
import { filterOf, LISTED, ListFilter, Pager } from "./list-filter.tsx";

const FILTERS = ["subscription", "event", "outcome", "since", "cursor"] as const;
const LOOKS: Record<rio.Outcome, string> = { delivered: "good", retry: "warning", dead: "bad", gone: "warning" };
const seconds = formatOf("s");

export function Deliveries({ place }: { place: Place }) {
  const refresh = useRefresh(10), { id } = useSession();
  const filter = FILTERS.map((name) => place.query.get(name)).join(" ");
  const { answer, error } = useAnswer((signal) => rio.deliveries(filterOf(place, FILTERS, Date.now()), LISTED, signal), [filter, refresh.tick, id]);
  return <section>
    <ListFilter place={place} has={FILTERS}><RefreshButton {...refresh} /></ListFilter>
    <ErrorNote error={error} />
    {answer && <DeliveryTable items={answer.items} />}
    {answer && <Pager next={answer.next} place={place} />}
  </section>;
}

export function DeliveryTable({ items }: { items: readonly rio.Delivery[] }) {
  if (items.length === 0) return <EmptyNote>No attempt was recorded. Every failed one is, and a sample of the others.</EmptyNote>;
  return <div class="scrolling" tabIndex={0} role="group" aria-label="Attempts"><table class="rows card">
    <thead><tr>
      <th>At</th><th>Event</th><th>Subscription</th><th class="number">Attempt</th><th>Outcome</th><th class="number">Status</th>
      <th class="number">Took</th><th>Reason and answer</th><th>Trace</th><th><span class="unseen">Actions</span></th>
    </tr></thead>
    <tbody>{items.map((one) => <Row key={one.id} one={one} />)}</tbody>
  </table></div>;
}

function Row({ one }: { one: rio.Delivery }) {
  return <tr data-delivery={one.id}>
    <td class="time">{stamp(Date.parse(one.at))}</td>
    <td><Name text={one.event_type} /><div class="faint"><a href={href({ path: "/rio/deliveries", event: one.event_id })} title="All attempts of this event"><Name text={one.event_id} limit={40} /></a></div></td>
    <td><a href={href({ path: "/rio/subscriptions", id: one.subscription })}><Name text={one.subscription} /></a></td>
    <td class="number">{one.attempt}</td>
    <td class={LOOKS[one.outcome]}>{one.outcome}</td>
    <td class="number">{one.status ?? "–"}</td>
    <td class="number">{seconds(one.seconds)}</td>
    <td>{one.reason && <div><LongText text={one.reason} first={300} /></div>}{one.response && one.response !== one.reason && <div class="answer"><LongText text={one.response} first={300} /></div>}<HiddenNote of={one} /></td>
    <td>{one.trace_id && <a href={href({ path: `/trace/${one.trace_id}` })}>trace</a>}</td>
    <td class="actions"><RedeliverButton one={one} /></td>
  </tr>;
}

function RedeliverButton({ one: { id, event_type, event_id, subscription } }: { one: rio.Delivery }) {
  const run = async (): Promise<string> => {
    const { origin } = await act<{ origin: string }>(`rio/deliveries/${id}/redeliver`);
    return `Event ${event_id} is delivered to ${subscription} again, from the ${origin === "dead-letter" ? "dead letters" : "event log"}`;
  };
  return <ActionButton label="Redeliver" question={`Deliver this event to ${subscription} again?`} run={run}>
    <p>The event <code><Name text={event_id} /></code> of type <code><Name text={event_type} /></code> is delivered to this subscription alone:
      its dead letter if there is one, else what the event log has. Its receiver may have acted on it already.</p>
  </ActionButton>;
}
