/** The newest errors, each with its trace. */
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import { age, dateTime } from "../time.ts";
import type { TraceErrors } from "./errors.ts";

const SHOWN = 12;

export function ErrorList({ errors, now }: { errors: readonly TraceErrors[]; now: number }) {
  if (errors.length === 0) return <p class="faint none-there">No error was logged in the last hour.</p>;
  return <ol class="home-entries">{errors.slice(0, SHOWN).map((one) => <ErrorEntry key={one.trace?.trace ?? one.first.nanoseconds} entry={one} now={now} />)}</ol>;
}

function ErrorEntry({ entry: { trace, first, at, services, count }, now }: { entry: TraceErrors; now: number }) {
  const service = first.labels.service_name ?? "";
  return <li data-error={trace?.trace ?? ""}>
    <time class="faint" dateTime={new Date(at).toISOString()} title={dateTime(at)}>{age(now - at)} ago</time>
    <span><span class="swatch" style={{ background: hopColour(service) }} /><Name text={service} limit={60} /></span>
    <span class="text"><Name text={first.text} limit={240} />
      {count > 1 && <small class="faint"> and {count - 1} more {count === 2 ? "line" : "lines"}{services.length > 1 && ` of ${services.filter((one) => one !== service).join(", ")}`}</small>}
    </span>
    {trace ? <a href={href({ path: `/trace/${trace.trace}`, keepTime: false, span: trace.span })} aria-label={`Trace of ${first.text.slice(0, 80)}`}>trace</a> : <span class="faint">no trace</span>}
  </li>;
}
