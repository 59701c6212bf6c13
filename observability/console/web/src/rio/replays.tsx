/** Replays of past events, and how far each is. */
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { Name } from "../components/untrusted.tsx";
import { ActionButton } from "../operate/action-button.tsx";
import { act } from "../operate/actions.ts";
import { href } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { dateTime } from "../time.ts";
import { useAnswer } from "../use-answer.ts";

const ENDED = new Set(["done", "failed", "cancelled"]);

export function Replays() {
  const refresh = useRefresh(5), { answer, error } = useAnswer(rio.replays, [refresh.tick]);
  return <section>
    <div class="bar"><span class="faint">Past events sent again to one subscription; begun on the <a href="/rio/subscriptions">subscription</a>.</span><RefreshButton {...refresh} /></div>
    <ErrorNote error={error} />
    {answer && answer.items.length === 0 && <EmptyNote>Nothing was replayed.</EmptyNote>}
    {answer && answer.items.length > 0 && <div class="scrolling" tabIndex={0} role="group" aria-label="Replays"><table class="rows card">
      <thead><tr><th class="number">#</th><th>Subscription</th><th>What</th><th>Accepted</th><th>State</th><th class="number">Read</th><th class="number">Sent</th><th><span class="unseen">Actions</span></th></tr></thead>
      <tbody>{answer.items.map((one) => <Row key={one.id} one={one} onDone={refresh.refreshNow} />)}</tbody>
    </table></div>}
  </section>;
}

function Row({ one, onDone }: { one: rio.Replay; onDone: () => void }) {
  const run = async (): Promise<string> => { await act(`rio/replays/${one.id}/cancel`); return `Cancelled replay ${one.id}`; };
  return <tr data-replay={one.id}>
    <td class="number">{one.id}</td>
    <td><a href={href({ path: "/rio/subscriptions", id: one.subscription })}><Name text={one.subscription} /></a></td>
    <td>{one.event === null ? one.types.join(", ") : <>event <Name text={one.event} limit={40} /></>}</td>
    <td>{dateTime(Date.parse(one.from))} – {dateTime(Date.parse(one.to))}</td>
    <td class={one.state === "failed" ? "bad" : ""}>{one.state}{one.reason && <>: <Name text={one.reason} /></>}</td>
    <td class="number">{one.read}</td>
    <td class="number">{one.replayed}</td>
    <td class="actions">{!ENDED.has(one.state) && <ActionButton label="Cancel" question={`Cancel replay ${one.id}?`} run={run} onDone={onDone}>
      <p>What it has sent stays sent.</p>
    </ActionButton>}</td>
  </tr>;
}
