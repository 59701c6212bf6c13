/** The time range of a page, and the controls for it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { go, type Place } from "../router.ts";
import { dateTime, duration, moment, type Range, rangeOf } from "../time.ts";

const LASTS = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d"];
const REFRESHES = ["off", "5s", "10s", "30s", "1m", "5m"];

export interface Timing {
  range: Range;
  from: string;
  to: string;
  refresh: string;
  /** Take the range anew, now. */
  refreshNow: () => void;
}

/** The range that the address says, which moves on with each refresh while the page is visible. */
export function useTimeRange(place: Place, usual = { from: "now-30m", to: "now" }, usualRefresh = "10s"): Timing {
  const from = place.query.get("from") ?? usual.from, to = place.query.get("to") ?? usual.to;
  const refresh = place.query.get("refresh") ?? usualRefresh;
  const [turn, setTurn] = useState(0);
  // In the same drawing as the address: a page that asks by both must not ask with the range of before.
  const range = useMemo(() => rangeOf(from, to), [from, to, turn]);
  const refreshNow = (): void => setTurn((before) => before + 1);
  useEffect(() => {
    const every = to.startsWith("now") ? duration(refresh) ?? 0 : 0;
    if (every === 0) return undefined;
    const refreshVisible = (): void => { if (document.visibilityState === "visible") refreshNow(); };
    const timer = setInterval(refreshVisible, every);
    document.addEventListener("visibilitychange", refreshVisible);
    return () => { clearInterval(timer); document.removeEventListener("visibilitychange", refreshVisible); };
  }, [from, to, refresh]);
  return { range, from, to, refresh, refreshNow };
}

/** Move the range of the address: by half of itself earlier or later, or to twice its length. */
export function shiftRange({ from, to }: Range, way: "earlier" | "later" | "out"): void {
  const half = (to - from) / 2;
  if (way === "out") go({ from: Math.round(from - half), to: Math.round(Math.min(Date.now(), to + half)) });
  else go({ from: Math.round(from + (way === "later" ? half : -half)), to: Math.round(to + (way === "later" ? half : -half)) });
}

export function TimeControls({ timing }: { timing: Timing }) {
  const { range, from, to, refresh, refreshNow } = timing;
  const [isOpen, setOpen] = useState(false);
  const last = to === "now" ? /^now-(\w+)$/.exec(from)?.[1] : undefined;
  const written = last ? `Last ${last}` : `${dateTime(range.from)} – ${dateTime(range.to)}`;
  return <div class="timing" role="group" aria-label="Time range">
    <button aria-label="Earlier" title="Earlier (t ←)" onClick={() => shiftRange(range, "earlier")}>‹</button>
    <button aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} data-control="time-range">{written}</button>
    <button aria-label="Later" title="Later (t →)" onClick={() => shiftRange(range, "later")}>›</button>
    <button aria-label="Zoom out" title="Zoom out (t z)" onClick={() => shiftRange(range, "out")}>−</button>
    <button aria-label="Refresh" title="Refresh (d r)" onClick={refreshNow}>↻</button>
    <select aria-label="Refresh every" value={refresh} onChange={(event) => go({ refresh: event.currentTarget.value })}>
      {[...new Set([...REFRESHES, refresh])].map((every) => <option key={every}>{every}</option>)}
    </select>
    {isOpen && <RangeForm from={from} to={to} close={() => setOpen(false)} />}
  </div>;
}

function RangeForm({ from, to, close }: { from: string; to: string; close: () => void }) {
  const [first, setFirst] = useState(shown(from)), [last, setLast] = useState(shown(to));
  const now = Date.now(), start = moment(first, now), end = moment(last, now);
  const isRight = start !== undefined && end !== undefined && start < end;
  const apply = (event: Event): void => {
    event.preventDefault();
    if (!isRight) return;
    go({ from: addressed(first), to: addressed(last) });
    close();
  };
  return <form class="popup" onSubmit={apply} onKeyDown={(event) => { if (event.key === "Escape") close(); }}>
    <div class="lasts">{LASTS.map((text) => <button key={text} type="button" onClick={() => { go({ from: `now-${text}`, to: "now" }); close(); }}>Last {text}</button>)}</div>
    <label>From <input value={first} onInput={(event) => setFirst(event.currentTarget.value)} spellcheck={false} /></label>
    <label>To <input value={last} onInput={(event) => setLast(event.currentTarget.value)} spellcheck={false} /></label>
    <p class="faint">now-1h, or 2026-01-31 14:00:00</p>
    <button type="submit" disabled={!isRight}>Apply</button>
  </form>;
}

const shown = (text: string): string => /^\d{10,}$/.test(text) ? dateTime(Number(text)) : text;
const addressed = (text: string): string => text.startsWith("now") ? text : String(moment(text, Date.now()));
