/** The last deploys, and what started without one. */
import { age, dateTime } from "../time.ts";
import type { Change } from "./starts.ts";

const SHOWN = 12;
/** Details of a change that are told at once; it unfolds to all. */
const TOLD = 3;

export function ChangeList({ changes, isRecorded, now }: { changes: readonly Change[]; isRecorded: boolean; now: number }) {
  return <>
    {changes.length === 0 && <p class="faint none-there">None in the last day.</p>}
    <ol class="home-entries">{changes.slice(0, SHOWN).map((change) => <ChangeEntry key={`${change.at} ${change.title}`} change={change} now={now} />)}</ol>
    <p class="faint">{isRecorded
      ? "Runs of up and restart, and starts of processes that they do not explain."
      : "Starts of processes: deploys are not written down here, and nothing tells them from other starts."}</p>
  </>;
}

function ChangeEntry({ change: { kind, at, title, details }, now }: { change: Change; now: number }) {
  return <li data-change={kind}>
    <time class="faint" dateTime={new Date(at).toISOString()} title={dateTime(at)}>{age(now - at)} ago</time>
    <span class={kind === "restart" ? "tag warning" : "tag"}>{kind}</span>
    <div class="text">{details.length > 1 ? <Unfolded title={title} details={details} /> : <>{title} <small class="faint">{details[0]}</small></>}</div>
  </li>;
}

function Unfolded({ title, details }: { title: string; details: readonly string[] }) {
  return <details>
    <summary>{title} <small class="faint">{details.slice(0, TOLD).join("; ")}{details.length > TOLD && ` and ${details.length - TOLD} more`}</small></summary>
    <ul>{details.map((detail) => <li key={detail}>{detail}</li>)}</ul>
  </details>;
}
