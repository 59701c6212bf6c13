/** Doing something in operate mode, and saying that it was done. */
import { useEffect, useState } from "preact/hooks";
import { send, StoreError } from "../stores/http.ts";
import { refreshSession } from "./session.ts";

const SHOWN_MILLISECONDS = 15_000;
const listeners = new Set<() => void>();
let notice: { text: string; at: number } | undefined;

/** Do it; raises StoreError. `path` is below `/api/operate/`. */
export async function act<T>(path: string, body: unknown = {}): Promise<T> {
  try {
    return await send<T>("POST", `operate/${path}`, body);
  } catch (error) {
    if (error instanceof StoreError && error.status === 403) await refreshSession();
    throw error;
  }
}

/** Say that something was done, where every page shows it. */
export function announce(text: string): void {
  notice = { text, at: Date.now() };
  for (const tell of listeners) tell();
}

/** What was done last, for a while. */
export function useNotice(): string | undefined {
  const [, redraw] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      redraw((count) => count + 1);
      clearTimeout(timer);
      timer = setTimeout(() => redraw((count) => count + 1), SHOWN_MILLISECONDS);
    };
    listeners.add(tell);
    return () => { listeners.delete(tell); clearTimeout(timer); };
  }, []);
  return notice && Date.now() - notice.at < SHOWN_MILLISECONDS ? notice.text : undefined;
}
