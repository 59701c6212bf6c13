/** A live tail, from a component. */
import { useEffect, useState } from "preact/hooks";
import * as loki from "../stores/loki.ts";
import { extended, type Live, NOTHING } from "./live-lines.ts";

export interface Tailing extends Live {
  state: "off" | "connecting" | "live" | "waiting";
  error: Error | undefined;
}

/** How often what came is drawn, milliseconds. */
const DRAWN_EVERY = 250;
const FIRST_WAIT = 1_000,
  LONGEST_WAIT = 30_000;

const OFF: Tailing = { ...NOTHING, state: "off", error: undefined };

/** Lines of a query as they are written; a tail that ends is begun again, after a while that grows until something comes. */
export function useTail(query: string, isOn: boolean): Tailing {
  const [tailing, set] = useState<Tailing>(OFF);
  useEffect(() => {
    set(OFF);
    if (!isOn) return undefined;
    const leaving = new AbortController();
    let came: loki.Tailed[] = [];
    const draw = (): void => {
      if (came.length === 0) return;
      const drawn = came;
      came = [];
      set((before) => ({ ...before, ...extended(before, drawn) }));
    };
    const timer = setInterval(draw, DRAWN_EVERY);
    void follow(
      query,
      leaving.signal,
      (one) => came.push(one),
      (state, error) => set((before) => ({ ...before, state, error })),
    );
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [query, isOn]);
  return tailing;
}

async function follow(
  query: string,
  signal: AbortSignal,
  take: (one: loki.Tailed) => void,
  tell: (state: Tailing["state"], error?: Error) => void,
): Promise<void> {
  for (let wait = FIRST_WAIT; !signal.aborted; wait = Math.min(LONGEST_WAIT, wait * 2)) {
    tell("connecting");
    try {
      await loki.tail(
        query,
        (one) => {
          wait = FIRST_WAIT;
          take(one);
        },
        () => tell("live"),
        signal,
      );
      if (!signal.aborted) tell("waiting");
    } catch (error) {
      if (!signal.aborted) tell("waiting", error as Error);
    }
    await paused(wait, signal);
  }
}

/** Wait, or until aborted. */
function paused(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
