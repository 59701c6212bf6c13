/** When alerts were pending and firing: a row for each, with its intervals on a time line and in words. */
import { EmptyNote, ErrorNote, Warnings } from "../components/notes.tsx";
import { Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import { queryRange } from "../stores/prometheus.ts";
import { age, clock, dateTime, type Range, stepFor } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { isCall, ownLabels } from "./active.ts";
import { type AlertHistory, histories, historyQuery, type Interval } from "./intervals.ts";

const POINTS = 360;
/** Intervals in words; the time line shows all. */
const TOLD = 5;

/** Of one alert, or of all; `service` leaves only those about it. */
export function History({ range, alert, service }: { range: Range; alert?: string | undefined; service?: string | undefined }) {
  const step = stepFor(range, POINTS), query = historyQuery(step, alert);
  const { answer, error } = useAnswer(async (signal) => {
    const { result, warnings } = await queryRange(query, range, step, signal);
    return { found: histories(result, range, step), warnings, range };
  }, [query, range.from, range.to]);
  const shown = answer?.found.filter(({ labels }) => !service || labels.service === service) ?? [];
  return <>
    <ErrorNote error={error} />
    {answer && <Warnings warnings={answer.warnings} />}
    {answer && shown.length === 0 && <EmptyNote>No alert was pending or firing from {dateTime(answer.range.from)} to {dateTime(answer.range.to)}.</EmptyNote>}
    {answer && shown.length > 0 && <div class="scrolling" tabIndex={0} role="group" aria-label="History of alerts">
      <table class="listing alert-history">
        <thead><tr><th>Alert</th><th>About</th><th class="number">Firing</th><th class="line">{dateTime(answer.range.from)} – {dateTime(answer.range.to)}</th><th>Intervals, to {age(step)}</th></tr></thead>
        <tbody>{shown.map((one) => <HistoryRow key={JSON.stringify(one.labels)} history={one} range={answer.range} />)}</tbody>
      </table>
    </div>}
  </>;
}

function HistoryRow({ history: { name, labels, intervals, firingMilliseconds }, range }: { history: AlertHistory; range: Range }) {
  const own = Object.entries(ownLabels(labels)).map(([label, value]) => `${label}=${value}`).join(" ");
  return <tr data-history={name}>
    <td><a href={href({ path: "/alerts", alert: name })}>{name}</a></td>
    <td><Name text={own} limit={160} /></td>
    <td class="number">{firingMilliseconds > 0 ? age(firingMilliseconds) : "–"}</td>
    <td class="line"><TimeLine intervals={intervals} range={range} isCall={isCall({ labels })} /></td>
    <td><ul class="interval-list">
      {intervals.slice(-TOLD).reverse().map((one) => <li key={`${one.state} ${one.from}`}>{intervalText(one)}</li>)}
      {intervals.length > TOLD && <li class="faint">and {intervals.length - TOLD} earlier</li>}
    </ul></td>
  </tr>;
}

const intervalText = ({ state, from, to, isOpen }: Interval): string =>
  `${state} ${clock(from)} – ${isOpen ? "goes on" : clock(to)}, ${age(to - from)}`;

function TimeLine({ intervals, range, isCall: asks }: { intervals: readonly Interval[]; range: Range; isCall: boolean }) {
  const share = (at: number): number => (at - range.from) / (range.to - range.from) * 100;
  return <svg class={asks ? "time-line" : "time-line usual"} viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
    {intervals.map(({ state, from, to }) =>
      <rect key={`${state} ${from}`} class={state} x={share(from)} width={Math.max(0.4, share(to) - share(from))} y="1" height="10" />)}
  </svg>;
}
