/** What the lists of deliveries and dead letters are narrowed to; kept in the address. */
import { go, type Place } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { duration } from "../time.ts";
import { useAnswer } from "../use-answer.ts";

export const LISTED = 50;
const SINCE = ["5m", "15m", "1h", "6h", "24h", "7d"];

/** The filter of an address, as Rio takes it; `now` is milliseconds. */
export function filterOf({ query }: Place, names: readonly (keyof rio.Filter)[], now: number): rio.Filter {
  const filter: rio.Filter = {};
  for (const name of names) {
    const value = query.get(name);
    if (value) filter[name] = name === "since" ? new Date(now - (duration(value) ?? 0)).toISOString() : value;
  }
  return filter;
}

interface Props { place: Place; has: readonly (keyof rio.Filter)[]; children?: preact.ComponentChildren }

export function ListFilter({ place: { query }, has, children }: Props) {
  const subscriptions = useAnswer(rio.subscriptions, []).answer?.map(({ id }) => id) ?? [];
  const choose = (name: string) => (value: string): void => go({ [name]: value || undefined, cursor: undefined });
  const value = (name: string): string => query.get(name) ?? "";
  return <div class="bar">
    <Choice label="Subscription" value={value("subscription")} options={subscriptions} choose={choose("subscription")} />
    {has.includes("type") && <Typed label="Event type" value={value("type")} choose={choose("type")} />}
    {has.includes("event") && <Typed label="Event id" value={value("event")} choose={choose("event")} />}
    {has.includes("outcome") && <Choice label="Outcome" value={value("outcome")} options={rio.OUTCOMES} choose={choose("outcome")} />}
    <Choice label="Within" value={value("since")} options={SINCE} choose={choose("since")} />
    {children}
  </div>;
}

interface FieldProps { label: string; value: string; choose: (value: string) => void }

function Choice({ label, value, options, choose }: FieldProps & { options: readonly string[] }) {
  const all = value && !options.includes(value) ? [value, ...options] : options;
  return <label>{label} <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
    <option value="">any</option>
    {all.map((name) => <option key={name}>{name}</option>)}
  </select></label>;
}

function Typed({ label, value, choose }: FieldProps) {
  return <label>{label} <input value={value} spellcheck={false} size={18} onChange={(event) => choose(event.currentTarget.value.trim())} /></label>;
}

/** To the next page, and back to the first. */
export function Pager({ next, place }: { next: number | string | null; place: Place }) {
  const isLater = place.query.has("cursor");
  if (next === null && !isLater) return null;
  return <p class="bar">
    {isLater && <button onClick={() => go({ cursor: undefined })}>Newest</button>}
    {next !== null && <button onClick={() => go({ cursor: next })}>Older</button>}
  </p>;
}
