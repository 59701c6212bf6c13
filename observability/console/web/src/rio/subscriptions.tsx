/** Who gets what, how far behind it is, and how its receiver answers. */
import { ErrorNote } from "../components/notes.tsx";
import { useRefresh, RefreshButton, type Refresh } from "../components/refresh.tsx";
import { Name } from "../components/untrusted.tsx";
import { href, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { age } from "../time.ts";
import { formatOf } from "../units.ts";
import { useAnswer } from "../use-answer.ts";
import { perTime, subscriptionMetrics, type SubscriptionMetrics } from "./metrics.ts";
import { PauseButton, ReplayButton, ResumeButton } from "./subscription-actions.tsx";
import { SubscriptionView } from "./subscription.tsx";

const CIRCUITS = ["closed", "half open", "open"];
const seconds = formatOf("s");

export function Subscriptions({ place }: { place: Place }) {
  const refresh = useRefresh(10), chosen = place.query.get("id");
  const { answer, error } = useAnswer(rio.subscriptions, [refresh.tick]);
  const metrics = useAnswer((signal) => subscriptionMetrics(Date.now(), signal), [refresh.tick]);
  const found = answer?.find(({ id }) => id === chosen);
  return <section>
    <div class="bar"><span class="faint">{answer?.length ?? "…"} subscriptions; rates are those of the last 5 minutes</span><RefreshButton {...refresh} /></div>
    <ErrorNote error={error} /><ErrorNote error={metrics.error} />
    <div class="scrolling" tabIndex={0} role="group" aria-label="Subscriptions"><table class="rows card">
      <thead><tr>
        <th>Subscription</th><th>Event types</th><th class="number">Backlog</th><th class="number">Oldest</th><th>Circuit</th>
        <th class="number">Delivered</th><th class="number">Failed</th><th class="number">p95</th><th class="number">Dead letters</th><th><span class="unseen">Actions</span></th>
      </tr></thead>
      <tbody>{answer?.map((one) => <Row key={one.id} one={one} metrics={metrics.answer} isChosen={one.id === chosen} refresh={refresh} />)}</tbody>
    </table></div>
    {found && <SubscriptionView subscription={found} tick={refresh.tick} />}
  </section>;
}

interface RowProps { one: rio.Subscription; metrics: SubscriptionMetrics | undefined; isChosen: boolean; refresh: Refresh }

function Row({ one, metrics, isChosen, refresh }: RowProps) {
  const { id, status, types } = one, known = (name: keyof SubscriptionMetrics) => metrics?.[name].get(id);
  const circuit = known("circuit"), held = known("held") ?? 0, backlog = known("backlog"), dead = known("deadLetters"), failed = known("failed");
  return <tr class={isChosen ? "chosen" : ""} data-subscription={id}>
    <th scope="row">
      <a href={href({ path: "/rio/subscriptions", id: isChosen ? undefined : id })} aria-expanded={isChosen}><Name text={id} /></a>
      <div class={status === "paused" ? "warning" : "faint"}>{status}{one.retired_at && ", retired"}{one.reason && <>: <Name text={one.reason} /></>}</div>
    </th>
    <td class="types">{types.map((type) => <div key={type}><Name text={type} /></div>)}</td>
    <td class={`number ${(backlog ?? 0) > 100 ? "warning" : ""}`} data-cell="backlog">{backlog === undefined ? "" : backlog + held}{held > 0 && <div class="faint">{held} held</div>}</td>
    <td class="number" data-cell="oldest">{(known("oldest") ?? 0) > 0 ? age(known("oldest")! * 1e3) : "–"}</td>
    <td class={circuit ? "bad" : "good"} data-cell="circuit">{circuit === undefined ? "" : CIRCUITS[circuit]}</td>
    <td class="number">{perTime(known("delivered"))}</td>
    <td class={`number ${failed ? "bad" : ""}`}>{perTime(failed)}</td>
    <td class="number">{seconds(known("duration"))}</td>
    <td class="number" data-cell="dead">{dead ? <a class="bad" href={href({ path: "/rio/dead-letters", subscription: id })}>{dead}</a> : dead}</td>
    <td class="actions">
      {status === "active" ? <PauseButton id={id} onDone={refresh.refreshNow} /> : <ResumeButton id={id} onDone={refresh.refreshNow} />}
      <ReplayButton subscription={one} />
    </td>
  </tr>;
}
