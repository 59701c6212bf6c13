/** One alert that is not quiet: what, since when, about what, and why nobody is told. */
import { Name } from "../components/untrusted.tsx";
import { quoted } from "../logs/logql.ts";
import { href } from "../router.ts";
import type { Silence } from "../stores/alertmanager.ts";
import { age, dateTime } from "../time.ts";
import { type ActiveAlert, condition, culpritOf, ownLabels } from "./active.ts";
import { WhatToDo } from "./runbook.tsx";
import { EndSilenceButton, SilenceButton } from "./silencing.tsx";

export function AlertCard({ alert, now }: { alert: ActiveAlert; now: number }) {
  const { name, labels, annotations, standing, since, explains } = alert, culprit = culpritOf(alert);
  return <li class={`card alert-card ${standing}`} data-alert={name} data-severity={labels.severity}>
    <p class="alert-head">
      <Severity severity={labels.severity} /> <a href={href({ path: "/alerts", alert: name })}>{name}</a>
      <time class="faint" dateTime={new Date(since).toISOString()} title={dateTime(since)}>{standing} for {age(now - since)}</time>
    </p>
    <p><b><Name text={annotations.summary ?? name} limit={300} /></b> <span class="faint"><Name text={annotations.description ?? ""} limit={600} /></span></p>
    {culprit && <p><span class="faint">Culprit:</span> <b><a href={href({ path: "/map", node: culprit })}><Name text={culprit} /></a></b> <Telemetry service={culprit} /></p>}
    <Why alert={alert} />
    {standing !== "pending" && <p><span class="faint">What to do:</span> <WhatToDo runbook={annotations.runbook} /></p>}
    {explains.length > 0 && <p class="faint">It explains {namesOf(explains)}.</p>}
    <LabelList labels={ownLabels(labels)} />
    {standing !== "pending" && standing !== "silenced" && <div class="alert-actions"><SilenceButton alert={alert} /></div>}
  </li>;
}

/** Alerts by name and part, each once. */
function namesOf(alerts: readonly ActiveAlert[]): string {
  return [...new Set(alerts.map(({ name, labels: { service } }) => service ? `${name} of ${service}` : name))].sort().join(", ");
}

function Telemetry({ service }: { service: string }) {
  return <span class="faint">
    <a href={href({ path: "/d/nextphase-service", "var-service": service })}>dashboard</a>
    {" · "}<a href={href({ path: "/logs", query: `{service_name=${quoted(service)}}` })}>logs</a>
    {" · "}<a href={href({ path: "/traces", service })}>traces</a>
  </span>;
}

export function Severity({ severity = "" }: { severity?: string | undefined }) {
  const look = severity === "critical" ? "bad" : severity === "warning" ? "warning" : "faint";
  return <span class={`tag ${look}`}>{severity || "no severity"}</span>;
}

/** Which silences apply, and which alerts explain it. */
function Why({ alert: { silences, inhibitors, standing } }: { alert: ActiveAlert }) {
  return <>
    {silences.map((silence) => <div key={silence.id} class="alert-why"><SilenceText silence={silence} /> <EndSilenceButton silence={silence} /></div>)}
    {standing === "silenced" && silences.length === 0 && <p class="alert-why">Silenced; Alertmanager does not say by which silence.</p>}
    {inhibitors.map((cause) => typeof cause === "string"
      ? <p key={cause} class="alert-why">Inhibited by an alert that has ended (<code>{cause}</code>).</p>
      : <p key={cause.fingerprint} class="alert-why">Inhibited by <a href={href({ path: "/alerts", alert: cause.name })}>{cause.name}</a>
        {cause.labels.service && ` of ${cause.labels.service}`}: <Name text={cause.annotations.summary ?? ""} limit={300} />.</p>)}
  </>;
}

function SilenceText({ silence }: { silence: Silence }) {
  const end = Date.parse(silence.endsAt);
  return <>Silenced by <Name text={silence.createdBy} /> until <time dateTime={silence.endsAt}>{dateTime(end)}</time>: <Name text={silence.comment} limit={300} />
    {" "}(<code>{condition(silence)}</code>)</>;
}

function LabelList({ labels }: { labels: Record<string, string> }) {
  return <p class="label-list">{Object.entries(labels).map(([name, value]) => <code key={name} class="tag"><Name text={`${name}=${value}`} limit={120} /></code>)}</p>;
}
