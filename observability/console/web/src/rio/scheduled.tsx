/** Events that are not due yet. */
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton } from "../components/refresh.tsx";
import { Name } from "../components/untrusted.tsx";
import * as rio from "../stores/rio.ts";
import { age, dateTime } from "../time.ts";
import { useAnswer } from "../use-answer.ts";

export function ScheduledEvents() {
  const refresh = useRefresh(10), { answer, error } = useAnswer(rio.scheduled, [refresh.tick]);
  return <section>
    <div class="bar"><span class="faint">Events that their senders want delivered later</span><RefreshButton {...refresh} /></div>
    <ErrorNote error={error} />
    {answer && answer.items.length === 0 && <EmptyNote>No event waits for its time.</EmptyNote>}
    {answer && answer.items.length > 0 && <div class="scrolling" tabIndex={0} role="group" aria-label="Scheduled events"><table class="rows card">
      <thead><tr><th>Due</th><th>In</th><th>Event</th><th>Source</th><th>Sender</th><th>Accepted</th></tr></thead>
      <tbody>{answer.items.map(({ id, due_at, sender, event, created_at }) => <tr key={id}>
        <td class="time">{dateTime(Date.parse(due_at))}</td>
        <td>{age(Date.parse(due_at) - Date.now())}</td>
        <td><Name text={event.type} /><div class="faint"><Name text={event.id} limit={40} /></div></td>
        <td><Name text={event.source} /></td>
        <td><Name text={sender} /></td>
        <td class="time">{dateTime(Date.parse(created_at))}</td>
      </tr>)}</tbody>
    </table></div>}
  </section>;
}
