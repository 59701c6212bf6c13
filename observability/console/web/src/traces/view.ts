/** The part of a trace's time that is in sight, and what the address says of the page. */
import { go, type Place } from "../router.ts";
import type { Target } from "./critical-path.ts";
import type { Folding } from "./rows.ts";

/** Shares of the trace's duration, 0 to 1. */
export interface View {
  from: number;
  to: number;
}

export const WHOLE: View = { from: 0, to: 1 };
const LEAST = 0.0005;
/** Folded spans that the address keeps; it is not endless. */
const KEPT = 60;

export interface TraceState {
  /** Ids of spans that are open. */
  open: ReadonlySet<string>;
  folding: Folding;
  find: string;
  path: Target | undefined;
  showsLines: boolean;
  view: View;
  tab: "waterfall" | "statistics";
}

/** What an address asks for. */
export function stateOf({ query }: Place): TraceState {
  const path = query.get("critical");
  return {
    open: new Set(query.getAll("span")),
    folding: { spans: new Set(query.getAll("closed")), services: new Set(query.getAll("fold")) },
    find: query.get("find") ?? "",
    path: path === "trace" || path === "request" ? path : undefined,
    showsLines: query.get("lines") !== "off",
    view: viewOf(query.get("view") ?? ""),
    tab: query.get("tab") === "statistics" ? "statistics" : "waterfall",
  };
}

function viewOf(text: string): View {
  const [from, to] = text.split("-").map(Number);
  return bounded({ from: from ?? 0, to: to ?? 1 });
}

/** A view within the trace; the whole of it where there is none to speak of. */
export function bounded({ from, to }: View): View {
  const first = Math.max(0, from),
    last = Math.min(1, to);
  return last - first >= LEAST ? { from: first, to: last } : WHOLE;
}

/** The view `factor` as wide, around its middle. */
export function zoomed({ from, to }: View, factor: number): View {
  const middle = (from + to) / 2,
    half = Math.min(0.5, ((to - from) * factor) / 2);
  return shifted({ from: middle - half, to: middle + half }, 0);
}

/** The view moved by a share of itself, as far as the trace goes. */
export function shifted({ from, to }: View, share: number): View {
  const width = to - from,
    first = Math.min(1 - width, Math.max(0, from + share * width));
  return bounded({ from: first, to: first + width });
}

const replace = { replace: true };
export const showView = ({ from, to }: View): void =>
  go({ view: from === 0 && to === 1 ? undefined : `${from.toFixed(4)}-${to.toFixed(4)}` }, replace);
export const showFolding = ({ spans, services }: Folding): void =>
  go({ closed: [...spans].slice(0, KEPT), fold: [...services] }, replace);
export const showOpen = (open: ReadonlySet<string>): void => go({ span: [...open] }, replace);

/** A set with or without a member. */
export function toggled<T>(set: ReadonlySet<T>, member: T): Set<T> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}
