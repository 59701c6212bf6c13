/** One subscription: how it is delivered to, and its last attempts. */
import { Name } from "../components/untrusted.tsx";
import { ErrorNote } from "../components/notes.tsx";
import { href } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { written } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { DeliveryTable } from "./deliveries.tsx";

const LAST = 10;

export function SubscriptionView({ subscription, tick }: { subscription: rio.Subscription; tick: number }) {
  const { id, sink, source, filters, owner, origin } = subscription;
  const { answer, error } = useAnswer((signal) => rio.deliveries({ subscription: id }, LAST, signal), [id, tick]);
  return <section class="card" aria-label={`Subscription ${id}`}>
    <h2><Name text={id} /></h2>
    <dl class="attributes">
      <Fact name="Sink"><Name text={sink} limit={500} /></Fact>
      <Fact name="Owner"><Name text={owner} /> <span class="faint">{origin === "catalog" ? "by the catalog" : "by the API"}</span></Fact>
      {source !== null && <Fact name="Source"><Name text={source} /></Fact>}
      {filters.length > 0 && <Fact name="Filters"><code>{JSON.stringify(filters)}</code></Fact>}
      {policyFacts(subscription.config).map(([name, value]) => <Fact key={name} name={name}>{value}</Fact>)}
    </dl>
    <h3>Last attempts</h3>
    <ErrorNote error={error} />
    {answer && <DeliveryTable items={answer.items} />}
    <p><a href={href({ path: "/rio/deliveries", subscription: id })}>All recorded attempts</a></p>
  </section>;
}

const Fact = ({ name, children }: { name: string; children: preact.ComponentChildren }) => <div><dt>{name}</dt><dd>{children}</dd></div>;

function policyFacts({ timeout_seconds, concurrency, rate_per_second, ordered, trace, retry, final_statuses }: rio.Policy): [string, string][] {
  const most = retry.max_attempts === null ? "" : `, at most ${retry.max_attempts} attempts`;
  return [
    ["Timeout", `${timeout_seconds} s`],
    ["At once", `${concurrency}${rate_per_second === null ? "" : `, ${rate_per_second} a second`}`],
    ["Order", ordered ? "by subject, as accepted" : "none"],
    ["Retried", `for ${written(retry.budget_seconds * 1e3)}, pauses up to ${written(retry.cap_seconds * 1e3)}${most}`],
    ["Given up at once on", final_statuses.join(", ")],
    ["Trace", trace === "continue" ? "the event's goes on" : "one of its own, linked"],
  ];
}
