/** What a person chose for this browser: theme and time zone. Kept in local storage. */
import { useEffect, useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";
export type Zone = "browser" | "utc";
export interface Preferences { theme: Theme; zone: Zone }

const KEY = "nextphase-console";
const DEFAULTS: Preferences = { theme: "system", zone: "browser" };
const listeners = new Set<() => void>();
let current = read();

function read(): Preferences {
  if (typeof localStorage === "undefined") return DEFAULTS;
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences> };
  } catch {
    return DEFAULTS;
  }
}

export const preferences = (): Preferences => current;

/** Change preferences; every component that uses them is drawn again. */
export function prefer(changed: Partial<Preferences>): void {
  current = { ...current, ...changed };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch { /* private windows may have none */ }
  applyTheme();
  for (const tell of listeners) tell();
}

/** Put the theme on the document: `system` leaves the choice to the style sheet's media query. */
export function applyTheme(): void {
  if (current.theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current.theme;
}

/** The preferences, followed. */
export function usePreferences(): Preferences {
  const [value, set] = useState(current);
  useEffect(() => {
    const tell = (): void => set(current);
    listeners.add(tell);
    return () => { listeners.delete(tell); };
  }, []);
  return value;
}
