/** Alerts that are not quiet: what Prometheus finds, with what Alertmanager makes of it. */
import type { ReceivedAlert, Silence } from "../stores/alertmanager.ts";
import type { Labels, RuleAlert, RuleGroup } from "../stores/prometheus.ts";

/** Inhibited and silenced alerts fire, too, and nobody is told of them; a pending one has not lasted long enough. */
export type Standing = "firing" | "pending" | "silenced" | "inhibited";
export const STANDINGS: readonly Standing[] = ["firing", "pending", "silenced", "inhibited"];

export interface ActiveAlert {
  name: string;
  labels: Labels;
  annotations: Labels;
  standing: Standing;
  /** Since when it fires, or is pending; milliseconds. */
  since: number;
  /** What the rule's expression gives for it; undefined where Prometheus does not report it any more. */
  value: number | undefined;
  /** What Alertmanager calls it; undefined while it does not have it. */
  fingerprint: string | undefined;
  /** Why nobody is told: the silences that apply, and the alerts that explain it. */
  silences: Silence[];
  inhibitors: (ActiveAlert | string)[];
  /** Alerts that it explains. */
  explains: ActiveAlert[];
}

const SEVERITIES = ["critical", "warning", "info"];

/** Whether an alert asks for somebody; the Watchdog, which always fires, has the severity `none`. */
export const isCall = ({ labels }: { labels: Labels }): boolean => labels.severity !== "none";

/**
 * The alerts of both, the worst first and the oldest of equals first.
 *
 * Without Alertmanager's alerts (undefined) whether they are silenced or inhibited is not known: they fire.
 */
export function activeAlerts(groups: readonly RuleGroup[], received: readonly ReceivedAlert[] | undefined, silences: readonly Silence[] = []): ActiveAlert[] {
  const bySet = new Map((received ?? []).map((alert) => [labelSet(alert.labels), alert]));
  const found = groups.flatMap(({ rules }) => rules).flatMap(({ alerts = [] }) => alerts).map((alert) => {
    const key = labelSet(alert.labels), match = bySet.get(key) ?? withMoreLabels(alert.labels, received ?? []);
    if (match) bySet.delete(labelSet(match.labels));
    return { active: ofRule(alert, match), match };
  });
  for (const alert of bySet.values()) found.push({ active: ofAlertmanager(alert), match: alert });
  explain(found, silences);
  return found.map(({ active }) => active).sort(byUrgency);
}

const number = (text: string): number => Number(text.replace(/Inf$/, "Infinity"));

function ofRule(alert: RuleAlert, match: ReceivedAlert | undefined): ActiveAlert {
  const isPending = alert.state === "pending", from = isPending ? alert.activeAt : match?.startsAt ?? alert.activeAt;
  return {
    ...blank(alert.labels, alert.annotations), standing: isPending ? "pending" : match ? standingOf(match) : "firing",
    since: Date.parse(from ?? ""), value: number(alert.value), fingerprint: match?.fingerprint,
  };
}

const ofAlertmanager = (alert: ReceivedAlert): ActiveAlert => ({
  ...blank(alert.labels, alert.annotations), standing: standingOf(alert),
  since: Date.parse(alert.startsAt), value: undefined, fingerprint: alert.fingerprint,
});

const blank = (labels: Labels, annotations: Labels) =>
  ({ name: labels.alertname ?? "", labels, annotations, silences: [], inhibitors: [], explains: [] });

const standingOf = ({ status }: ReceivedAlert): Standing =>
  status.silencedBy.length > 0 ? "silenced" : status.inhibitedBy.length > 0 ? "inhibited" : "firing";

function explain(found: readonly { active: ActiveAlert; match: ReceivedAlert | undefined }[], silences: readonly Silence[]): void {
  const byFingerprint = new Map(found.map(({ active }) => [active.fingerprint, active]));
  const byId = new Map(silences.map((silence) => [silence.id, silence]));
  for (const { active, match } of found) {
    if (!match || active.standing === "pending") continue;
    active.silences = match.status.silencedBy.flatMap((id) => byId.get(id) ?? []);
    active.inhibitors = match.status.inhibitedBy.map((fingerprint) => byFingerprint.get(fingerprint) ?? fingerprint);
    for (const cause of active.inhibitors) if (typeof cause !== "string") cause.explains.push(active);
  }
}

/** A text that is the same for the same labels, in whatever order. */
export function labelSet(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}

/** Prometheus adds its external labels to what it sends: an alert that has these labels and others besides. */
const withMoreLabels = (labels: Labels, received: readonly ReceivedAlert[]): ReceivedAlert | undefined =>
  received.find((alert) => Object.entries(labels).every(([name, value]) => alert.labels[name] === value));

const urgency = ({ labels }: ActiveAlert): number => {
  const at = SEVERITIES.indexOf(labels.severity ?? "");
  return at < 0 ? SEVERITIES.length : at;
};
const byUrgency = (a: ActiveAlert, b: ActiveAlert): number => urgency(a) - urgency(b) || a.since - b.since;

/** The part at fault: what an alert is about, or, of an inhibited one, what the alert that explains it is about. */
export function culpritOf({ inhibitors, labels }: ActiveAlert): string | undefined {
  const cause = inhibitors.find((one) => typeof one !== "string");
  return typeof cause === "object" ? culpritOf({ ...cause, inhibitors: [] }) : labels.service;
}

/** A silence's condition as Alertmanager writes it: `service="orders"`. */
export function condition({ matchers }: Pick<Silence, "matchers">): string {
  return matchers.map(({ name, value, isRegex, isEqual }) =>
    `${name}${isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!="}${JSON.stringify(value)}`).join(", ");
}

/** An alert's labels apart from its name and severity: what tells it from others of its rule. */
export const ownLabels = ({ alertname: _name, severity: _severity, ...own }: Labels): Labels => own;
