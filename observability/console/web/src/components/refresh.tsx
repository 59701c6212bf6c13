/** Lists that are asked for anew while the page is visible. */
import { useEffect, useState } from "preact/hooks";

export interface Refresh {
  /** Changes with each refresh. */
  tick: number;
  refreshNow: () => void;
}

/** Refresh every `seconds`; 0 only on demand. */
export function useRefresh(seconds: number): Refresh {
  const [tick, set] = useState(0);
  const refreshNow = (): void => set((count) => count + 1);
  useEffect(() => {
    if (seconds === 0) return undefined;
    const timer = setInterval(() => { if (document.visibilityState === "visible") refreshNow(); }, seconds * 1e3);
    return () => clearInterval(timer);
  }, [seconds]);
  return { tick, refreshNow };
}

export const RefreshButton = ({ refreshNow }: Refresh) => <button aria-label="Refresh" title="Refresh" onClick={refreshNow}>↻</button>;
