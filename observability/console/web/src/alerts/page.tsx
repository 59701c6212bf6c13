/** Alerts: what is not quiet and why, every rule, and what was before. */
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { TimeControls, useTimeRange } from "../components/time-range.tsx";
import { href, type Place } from "../router.ts";
import { type ActiveAlert, type Standing, STANDINGS } from "./active.ts";
import { AlertCard } from "./alert-card.tsx";
import { History } from "./history.tsx";
import { RuleDetails, Rules } from "./rules.tsx";
import { useAlerts } from "./use-alerts.ts";

const TITLES: Record<Standing, string> = { firing: "Firing", pending: "Pending", silenced: "Silenced", inhibited: "Inhibited" };
const MEANINGS: Record<Standing, string> = {
  firing: "sent to its receiver", pending: "has not lasted long enough to be sent", silenced: "not sent, because of a silence",
  inhibited: "not sent, because another alert explains it",
};

export function AlertsPage({ place }: { place: Place }) {
  const timing = useTimeRange(place, { from: "now-3h", to: "now" }), { alerts, groups, errors } = useAlerts(timing.range.to);
  const name = place.query.get("alert") ?? undefined, service = place.query.get("service") ?? undefined;
  const rule = groups?.flatMap(({ rules }) => rules).find((one) => one.name === name);
  const shown = alerts?.filter(({ labels }) => !service || labels.service === service);
  return <>
    <div class="bar"><h1>Alerts</h1>{service && <ServiceFilter service={service} />}<TimeControls timing={timing} /></div>
    {errors.map((error) => <ErrorNote key={error.message} error={error} />)}
    {name && groups && !rule && <EmptyNote>There is no rule {name}.</EmptyNote>}
    {rule && alerts && <RuleDetails key={rule.name} rule={rule} alerts={alerts} range={timing.range} />}
    {shown && <Lists alerts={shown} now={timing.range.to} />}
    <h2>History</h2>
    <History range={timing.range} service={service} />
    {groups && alerts && <><h2>Rules</h2><Rules groups={groups} alerts={alerts} current={name} /></>}
  </>;
}

function ServiceFilter({ service }: { service: string }) {
  return <span class="tag">about {service} <a href={href({ service: undefined })} aria-label="Show alerts about all services">✕</a></span>;
}

function Lists({ alerts, now }: { alerts: readonly ActiveAlert[]; now: number }) {
  const of = (standing: Standing): ActiveAlert[] => alerts.filter((alert) => alert.standing === standing);
  const empty = STANDINGS.filter((standing) => of(standing).length === 0);
  return <>
    {STANDINGS.filter((standing) => !empty.includes(standing)).map((standing) =>
      <AlertList key={standing} standing={standing} alerts={of(standing)} now={now} />)}
    {empty.length > 0 && <p class="faint none-there">{empty.map((standing) => `${TITLES[standing]}: none`).join(" · ")}</p>}
  </>;
}

function AlertList({ standing, alerts, now }: { standing: Standing; alerts: readonly ActiveAlert[]; now: number }) {
  return <section aria-label={TITLES[standing]}>
    <h2>{TITLES[standing]} <span class="faint">{alerts.length} · {MEANINGS[standing]}</span></h2>
    <ul class="alert-list">{alerts.map((alert) => <AlertCard key={JSON.stringify(alert.labels)} alert={alert} now={now} />)}</ul>
  </section>;
}
