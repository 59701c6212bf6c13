/** Events that were given up. */
import { useState } from "preact/hooks";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { LongText, Name } from "../components/untrusted.tsx";
import { useSession } from "../operate/session.ts";
import { href, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { stamp } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { DiscardButton, ManyButton, ReplayLetterButton } from "./dead-letter-actions.tsx";
import { filterOf, LISTED, ListFilter, Pager } from "./list-filter.tsx";

const FILTERS = ["subscription", "type", "since", "cursor"] as const;

export function DeadLetters({ place }: { place: Place }) {
  const refresh = useRefresh(10), filter = FILTERS.map((name) => place.query.get(name)).join(" ");
  const { answer, error } = useAnswer((signal) => rio.deadLetters(filterOf(place, FILTERS, Date.now()), LISTED, signal), [filter, refresh.tick]);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const shown = (answer?.items ?? []).filter(({ id }) => chosen.has(id)).map(({ id }) => id);
  const done = (): void => { setChosen(new Set()); refresh.refreshNow(); };
  const { open } = useSession();
  const toggle = (id: number): void => setChosen((before) => { const after = new Set(before); if (!after.delete(id)) after.add(id); return after; });
  return <section>
    <ListFilter place={place} has={FILTERS}>
      <RefreshButton {...refresh} />
      <ManyButton what="replay" ids={shown} onDone={done} /><ManyButton what="discard" ids={shown} onDone={done} />
    </ListFilter>
    <ErrorNote error={error} />
    {answer && answer.items.length === 0 && <EmptyNote>No dead letters{filter.trim() && " of this kind"}.</EmptyNote>}
    {answer && answer.items.length > 0 && <LetterTable items={answer.items} chosen={open ? chosen : undefined} toggle={toggle} onDone={done} />}
    {answer && <Pager next={answer.next} place={place} />}
  </section>;
}

interface TableProps { items: readonly rio.DeadLetter[]; chosen: ReadonlySet<number> | undefined; toggle: (id: number) => void; onDone: () => void }

function LetterTable({ items, chosen, toggle, onDone }: TableProps) {
  return <div class="scrolling" tabIndex={0} role="group" aria-label="Dead letters"><table class="rows card">
    <thead><tr>
      {chosen && <th><span class="unseen">Chosen</span></th>}<th>Died</th><th>Event</th><th>Subscription</th><th class="number">Attempts</th><th class="number">Status</th><th>Reason</th>
      <th>Trace</th><th><span class="unseen">Actions</span></th>
    </tr></thead>
    <tbody>{items.map((one) => <tr key={one.id} data-letter={one.id}>
      {chosen && <td><input type="checkbox" aria-label={`Choose dead letter ${one.id}`} checked={chosen.has(one.id)} onChange={() => toggle(one.id)} /></td>}
      <td class="time"><a href={href({ path: `/rio/dead-letters/${one.id}` })}>{stamp(Date.parse(one.died_at))}</a></td>
      <td><Name text={one.event.type} /><div class="faint"><Name text={one.event.id} limit={40} /></div></td>
      <td><a href={href({ path: "/rio/subscriptions", id: one.subscription })}><Name text={one.subscription} /></a></td>
      <td class="number">{one.attempts}</td>
      <td class="number">{one.status ?? "–"}</td>
      <td><LongText text={one.reason} first={300} /></td>
      <td><TraceLink traceparent={one.traceparent} /></td>
      <td class="actions"><ReplayLetterButton letter={one} onDone={onDone} /><DiscardButton letter={one} onDone={onDone} /></td>
    </tr>)}</tbody>
  </table></div>;
}

export function TraceLink({ traceparent }: { traceparent: string | null }) {
  const id = rio.traceIdOf(traceparent);
  return id ? <a href={href({ path: `/trace/${id}` })}>trace</a> : null;
}
