/** A dead letter: the event, why it was given up, and every attempt. */
import { useState } from "preact/hooks";
import { indented } from "../components/json.ts";
import { ErrorNote } from "../components/notes.tsx";
import { LongText, Name } from "../components/untrusted.tsx";
import { useSession } from "../operate/session.ts";
import { go, href } from "../router.ts";
import * as rio from "../stores/rio.ts";
import { stamp } from "../time.ts";
import { formatOf } from "../units.ts";
import { useAnswer } from "../use-answer.ts";
import { DiscardButton, ReplayLetterButton } from "./dead-letter-actions.tsx";
import { TraceLink } from "./dead-letters.tsx";
import { HiddenNote } from "./hidden-note.tsx";
import { textOf } from "./payload.ts";

const seconds = formatOf("s");
const NO_ATTRIBUTES = new Set(["data", "data_base64", "hidden"]);

export function DeadLetterView({ id }: { id: number }) {
  const session = useSession(), [count, again] = useState(0);
  const { answer, error } = useAnswer((signal) => rio.deadLetter(id, signal), [id, session.id, count]);
  const back = (): void => { again(count + 1); go({ path: "/rio/dead-letters" }); };
  if (!answer) return <><ErrorNote error={error} /><p><a href={href({ path: "/rio/dead-letters" })}>All dead letters</a></p></>;
  return <section>
    <div class="bar">
      <h2>Dead letter {id}</h2>
      <TraceLink traceparent={answer.traceparent} />
      <ReplayLetterButton letter={answer} onDone={back} /><DiscardButton letter={answer} onDone={back} />
      <a href={href({ path: "/rio/dead-letters" })}>All dead letters</a>
    </div>
    <ErrorNote error={error} />
    <div class="card">
      <dl class="attributes">
        <div><dt>Reason</dt><dd class="bad"><LongText text={answer.reason} first={1000} /></dd></div>
        <div><dt>Subscription</dt><dd><a href={href({ path: "/rio/subscriptions", id: answer.subscription })}><Name text={answer.subscription} /></a></dd></div>
        <div><dt>Accepted</dt><dd>{stamp(Date.parse(answer.accepted_at))}</dd></div>
        <div><dt>Given up</dt><dd>{stamp(Date.parse(answer.died_at))}</dd></div>
        <div><dt>Last answer</dt><dd>{answer.status ?? "none"} {answer.response && <LongText text={answer.response} first={1000} />} <HiddenNote of={answer} /></dd></div>
      </dl>
    </div>
    <EventView event={answer.event} />
    <Attempts attempts={answer.history} />
  </section>;
}

function EventView({ event }: { event: rio.CloudEvent }) {
  const attributes = Object.entries(event).filter(([name]) => !NO_ATTRIBUTES.has(name)), text = textOf(event);
  return <div class="card" data-part="event">
    <h3>Event</h3>
    <dl class="attributes">{attributes.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><LongText text={String(value)} first={1000} /></dd></div>)}</dl>
    <h3>Data</h3>
    <HiddenNote of={event} />
    {text !== undefined && <pre class="payload" tabIndex={0}><LongText text={indented(text)} /></pre>}
  </div>;
}

function Attempts({ attempts }: { attempts: readonly rio.Attempt[] }) {
  return <div class="card scrolling" tabIndex={0} role="group" aria-label="Attempts">
    <h3>{attempts.length} attempts</h3>
    <table class="rows">
      <thead><tr><th class="number">#</th><th>At</th><th class="number">Took</th><th class="number">Status</th><th>Reason and answer</th><th>Trace</th></tr></thead>
      <tbody>{attempts.map((one, index) => <tr key={index}>
        <td class="number">{index + 1}</td>
        <td class="time">{stamp(Date.parse(one.at))}</td>
        <td class="number">{seconds(one.seconds)}</td>
        <td class="number">{one.status ?? "–"}</td>
        <td><LongText text={one.reason} first={300} />{one.body && one.body !== one.reason && <div class="answer"><LongText text={one.body} first={300} /></div>} <HiddenNote of={one} /></td>
        <td>{one.trace_id && <a href={href({ path: `/trace/${one.trace_id}`, span: one.span_id ?? undefined })}>trace</a>}</td>
      </tr>)}</tbody>
    </table>
  </div>;
}
