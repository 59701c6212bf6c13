/** Asking a store from a component. */
import { useEffect, useState } from "preact/hooks";

export interface Asked<T> {
  /** The last answer, kept while the next one is awaited. */
  answer?: T;
  /** Why there is no new answer. */
  error?: Error;
  isLoading: boolean;
}

/** Ask again whenever one of `on` changes; the question is cancelled when the component leaves or asks again. */
export function useAnswer<T>(ask: (signal: AbortSignal) => Promise<T>, on: readonly unknown[]): Asked<T> {
  const [state, set] = useState<Asked<T>>({ isLoading: true });
  useEffect(() => {
    const leaving = new AbortController();
    set((before) => ({ ...before, isLoading: true }));
    ask(leaving.signal).then(
      (answer) => { if (!leaving.signal.aborted) set({ answer, isLoading: false }); },
      (error: Error) => { if (!leaving.signal.aborted) set((before) => ({ ...before, error, isLoading: false })); },
    );
    return () => leaving.abort();
  }, on);
  return state;
}
