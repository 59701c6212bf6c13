/** The address holds all that is shown: page, time range, variables. Links are real links. */
import { useEffect, useState } from "preact/hooks";

export interface Place { path: string; query: URLSearchParams }

/** A step to another address. Members other than path and keepTime are query parameters; undefined or "" removes one. */
export interface Step {
  path?: string;
  keepTime?: boolean;
  [parameter: string]: string | string[] | number | boolean | undefined;
}

const TIME = ["from", "to"];
const listeners = new Set<() => void>();
const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

/**
 * The address of a step from the present one. Without a path it is the present page with some parameters
 * changed; with one it is that page with the parameters given, and the present time range unless keepTime is false.
 */
export function href({ path, keepTime = true, ...parameters }: Step): string {
  const target = new URL(path ?? location.pathname, location.origin);
  for (const [name, value] of new URLSearchParams(location.search)) {
    const isKept = path === undefined || (keepTime && TIME.includes(name) && !target.searchParams.has(name));
    if (isKept) target.searchParams.append(name, value);
  }
  for (const [name, value] of Object.entries(parameters)) {
    target.searchParams.delete(name);
    if (Array.isArray(value)) for (const one of value) target.searchParams.append(name, one);
    else if (value !== undefined && value !== "") target.searchParams.set(name, String(value));
  }
  return target.pathname + target.search;
}

/** Go to a step; `replace` leaves no entry in the history. */
export function go(step: Step, { replace = false } = {}): void {
  follow(href(step), replace);
}

/** Go to an address of the console. */
export function follow(address: string, replace = false): void {
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  for (const tell of listeners) tell();
}

/** Where the page is, followed. */
export function usePlace(): Place {
  const [place, set] = useState(here);
  useEffect(() => {
    const tell = (): void => set(here());
    listeners.add(tell);
    addEventListener("popstate", tell);
    return () => { listeners.delete(tell); removeEventListener("popstate", tell); };
  }, []);
  return place;
}

/** Follow links to the console's own pages without loading anew; an `onClick` of the root element. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a");
  if (!link || link.target || link.hasAttribute("download") || event.defaultPrevented) return;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL((link as HTMLAnchorElement | SVGAElement).getAttribute("href") ?? "", location.href);
  if (url.origin !== location.origin || url.pathname.startsWith("/api/") || url.hash) return;
  event.preventDefault();
  follow(url.pathname + url.search);
}
