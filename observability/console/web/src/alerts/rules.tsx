/** Every alert rule: in the list with state and expression, in detail with value, runbook section and history. */
import { Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import type { Rule, RuleGroup } from "../stores/prometheus.ts";
import { age, type Range } from "../time.ts";
import { type ActiveAlert, STANDINGS } from "./active.ts";
import { AlertCard, Severity } from "./alert-card.tsx";
import { History } from "./history.tsx";
import { Runbook } from "./runbook.tsx";
import { RuleValue } from "./value.tsx";

/** What stands for a rule: how many of its alerts are in which standing. */
function ruleState(name: string, alerts: readonly ActiveAlert[]): string {
  const own = alerts.filter((alert) => alert.name === name);
  const counts = STANDINGS.flatMap((standing) => {
    const count = own.filter((alert) => alert.standing === standing).length;
    return count === 0 ? [] : [count === 1 ? standing : `${count} ${standing}`];
  });
  return counts.length > 0 ? counts.join(", ") : "quiet";
}

export function Rules({ groups, alerts, current }: { groups: readonly RuleGroup[]; alerts: readonly ActiveAlert[]; current: string | undefined }) {
  return <div class="scrolling" tabIndex={0} role="group" aria-label="Rules">
    <table class="listing rule-list">
      <thead><tr><th>State</th><th>Rule</th><th>Severity</th><th class="number">For</th><th>Condition</th></tr></thead>
      {groups.filter(({ rules }) => rules.length > 0).map((group) => <tbody key={`${group.file} ${group.name}`}>
        <tr><th colSpan={5} scope="rowgroup">{group.name}</th></tr>
        {group.rules.map((rule) => <RuleRow key={rule.name} rule={rule} state={ruleState(rule.name, alerts)} isCurrent={rule.name === current} />)}
      </tbody>)}
    </table>
  </div>;
}

function RuleRow({ rule, state, isCurrent }: { rule: Rule; state: string; isCurrent: boolean }) {
  return <tr data-rule={rule.name} aria-current={isCurrent ? "true" : undefined}>
    <td class={look(state, rule)}>{state}{rule.health !== "ok" && <> <b class="bad">{rule.health}</b></>}</td>
    <td><a href={href({ alert: rule.name })}>{rule.name}</a></td>
    <td class="faint">{rule.labels?.severity}</td>
    <td class="number">{seconds(rule.duration)}</td>
    <td class="rule-condition"><code class="one-line" title={rule.query}>{rule.query}</code></td>
  </tr>;
}

/** A rule of no severity, the Watchdog, is as it should be while it fires. */
const look = (state: string, { labels }: Rule): string =>
  labels?.severity === "none" ? (state === "quiet" ? "bad" : "good") : state.includes("firing") ? "bad" : state === "quiet" ? "good" : "warning";
const seconds = (duration = 0): string => duration === 0 ? "at once" : age(duration * 1e3);

export interface RuleDetailsProps { rule: Rule; alerts: readonly ActiveAlert[]; range: Range }

export function RuleDetails({ rule, alerts, range }: RuleDetailsProps) {
  const own = alerts.filter(({ name }) => name === rule.name), state = ruleState(rule.name, alerts);
  return <section class="card rule-details" aria-label={rule.name}>
    <header><h2>{rule.name}</h2> <Severity severity={rule.labels?.severity} /> <b class={look(state, rule)}>{state}</b>
      <a href={href({ alert: undefined })} aria-label={`Close ${rule.name}`}>✕</a></header>
    {rule.lastError && <p class="error"><Name text={rule.lastError} limit={500} /></p>}
    <pre class="rule-expression">{rule.query}</pre>
    <p class="faint">{conditionText(rule)}</p>
    <div class="rule-parts">
      <div><h3>What to do</h3><Runbook runbook={rule.annotations?.runbook} /></div>
      <div><h3>Value over time</h3><RuleValue name={rule.name} expression={rule.query} range={range} /></div>
    </div>
    <h3>Now</h3>
    {own.length === 0 ? <p class="faint">No alert of this rule.</p> : <ul class="alert-list">{own.map((alert) => <AlertCard key={JSON.stringify(alert.labels)} alert={alert} now={range.to} />)}</ul>}
    <h3>History</h3>
    <History range={range} alert={rule.name} />
  </section>;
}

function conditionText({ duration = 0, keepFiringFor = 0, evaluationTime = 0, lastEvaluation }: Rule): string {
  const met = duration === 0 ? "Fires as soon as this gives a value" : `Fires once this has given a value for ${age(duration * 1e3)}`;
  const kept = keepFiringFor > 0 ? `, and ${age(keepFiringFor * 1e3)} longer` : "";
  const evaluated = lastEvaluation ? ` Evaluated ${age(Date.now() - Date.parse(lastEvaluation))} ago in ${Math.max(1, Math.round(evaluationTime * 1e3))} ms.` : "";
  return `${met}${kept}.${evaluated}`;
}
