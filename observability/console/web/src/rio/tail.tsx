/** Events as they are accepted. */
import { useEffect, useState } from "preact/hooks";
import { indented } from "../components/json.ts";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { LongText, Name } from "../components/untrusted.tsx";
import { useSession } from "../operate/session.ts";
import { go, href, type Place } from "../router.ts";
import { readJsonLines } from "../stores/json-lines.ts";
import * as rio from "../stores/rio.ts";
import { stamp } from "../time.ts";
import { HiddenNote } from "./hidden-note.tsx";
import { textOf } from "./payload.ts";
import { kept, type Numbered, type TailEvent, tailLine, type TailLine } from "./tail-lines.ts";

const MOST = 200;
const DRAWN_MILLISECONDS = 200;
const AGAIN_MILLISECONDS = 3000;

export function Tail({ place }: { place: Place }) {
  const type = place.query.get("type") ?? "", [isPaused, setPaused] = useState(false);
  const { lines, error, isOpen } = useTail(type || "#", isPaused);
  const text = place.query.get("text") ?? "";
  const shown = lines.filter(({ line }) => !text || "dropped" in line || matches(line, text));
  return <section>
    <div class="bar">
      <label>Event type <input value={type} placeholder="#" spellcheck={false} size={20} onChange={(event) => go({ type: event.currentTarget.value.trim() || undefined })} /></label>
      <label>Source, subject or id <input value={text} spellcheck={false} size={20} onInput={(event) => go({ text: event.currentTarget.value || undefined }, { replace: true })} /></label>
      <button aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>{isPaused ? "Go on" : "Pause"}</button>
      <span class="faint" role="status">{isPaused ? "paused" : isOpen ? "live" : "connecting"}; the newest {MOST} are kept. <code>*</code> is one word of a type, <code>#</code> any number.</span>
    </div>
    <ErrorNote error={error} />
    {shown.length === 0 && <EmptyNote>{isOpen ? "No event yet." : ""}</EmptyNote>}
    <ol class="tail card">{shown.map(({ number, line }) => <li key={number}>{"event" in line ? <EventLine line={line} /> : <span class="warning">{line.dropped} more came faster than they could be shown</span>}</li>)}</ol>
  </section>;
}

function EventLine({ line: { event, accepted_at, traceparent } }: { line: TailEvent }) {
  const trace = rio.traceIdOf(traceparent), text = textOf(event);
  return <details>
    <summary>
      <time>{stamp(Date.parse(accepted_at)).slice(11)}</time> <strong><Name text={event.type} /></strong> <Name text={event.source} /> {event.subject !== undefined && <Name text={event.subject} />}
      {text !== undefined && <code class="faint"> <Name text={text} limit={160} /></code>}
    </summary>
    <p>id <code><Name text={event.id} /></code> {trace && <a href={href({ path: `/trace/${trace}` })}>trace</a>}{" "}
      <a href={href({ path: "/rio/deliveries", event: event.id })}>deliveries</a> <HiddenNote of={event} /></p>
    {text !== undefined && <pre class="payload" tabIndex={0}><LongText text={indented(text)} /></pre>}
  </details>;
}

const matches = ({ event }: TailEvent, text: string): boolean => [event.source, event.subject, event.id].some((one) => one?.includes(text));

/** The newest lines of the tail; connected again when it ends, not while it is paused. */
function useTail(type: string, isPaused: boolean): { lines: readonly Numbered[]; error: Error | undefined; isOpen: boolean } {
  const [lines, setLines] = useState<readonly Numbered[]>([]), [error, setError] = useState<Error>(), [isOpen, setOpen] = useState(false);
  const session = useSession().id;
  useEffect(() => setLines([]), [type]);
  useEffect(() => {
    if (isPaused) return undefined;
    const leaving = new AbortController();
    let waiting: TailLine[] = [];
    const draw = setInterval(() => {
      const drawn = waiting;
      waiting = [];
      if (drawn.length > 0) setLines((before) => drawn.reduce<readonly Numbered[]>((some, line) => kept(some, line, MOST), before));
    }, DRAWN_MILLISECONDS);
    void follow(type, leaving.signal, (line) => waiting.push(line), (opened, failure) => { setOpen(opened); setError(failure); });
    return () => { leaving.abort(); clearInterval(draw); setOpen(false); };
  }, [type, isPaused, session]);
  return { lines, error, isOpen };
}

type Tell = (isOpen: boolean, error?: Error) => void;

async function follow(type: string, signal: AbortSignal, take: (line: TailLine) => void, tell: Tell): Promise<void> {
  while (!signal.aborted) {
    try {
      const stream = await rio.tail(type, signal);
      tell(true);
      await readJsonLines(stream, (line) => {
        const said = tailLine(line);
        if (said) take(said);
      });
      tell(false);
    } catch (error) {
      if (signal.aborted) return;
      tell(false, error as Error);
    }
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MILLISECONDS); });
  }
}
