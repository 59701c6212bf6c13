/** The data of a panel, asked for while it is in sight. */
import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Range } from "../time.ts";
import { ask, type PanelData, type Question, questionsOf } from "./ask.ts";
import type { Scope } from "./interpolation.ts";
import type { Panel } from "./json.ts";
import { transformed } from "./transformations.ts";

export interface PanelState {
  /** The last answer, kept while the next one is awaited. */
  data?: PanelData;
  error?: Error;
  isLoading: boolean;
  questions: readonly Question[];
}

/** The console's server answers within 20 s; what takes longer is given up. */
const MOST_MILLISECONDS = 30_000;

/** Whether an element is in sight, or nearly. */
export function useInSight(element: RefObject<HTMLElement>): boolean {
  const [isInSight, set] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => set(entries[entries.length - 1]!.isIntersecting), {
      rootMargin: "60px",
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return isInSight;
}

/** How often a value has become another: a refresh of a fixed range is one, too. */
function useTurn(value: unknown): number {
  const kept = useRef({ value, turn: 0 });
  if (kept.current.value !== value) kept.current = { value, turn: kept.current.turn + 1 };
  return kept.current.turn;
}

/**
 * What the stores answer a panel. Questions are asked once for each range while `isInSight`; they are cancelled when
 * the panel goes out of sight or its questions change. A refresh waits for the answer that is under way.
 */
export function usePanelData(
  panel: Panel,
  scope: Scope,
  range: Range,
  asked: string,
  width: number,
  isInSight: boolean,
): PanelState {
  const questions = useMemo(
    () => (width > 0 ? questionsOf(panel, scope, range, width) : []),
    [panel, scope, range, width],
  );
  const [state, set] = useState<Omit<PanelState, "questions">>({ isLoading: questions.length > 0 }),
    [turn, setTurn] = useState(0);
  const shape = JSON.stringify([
      asked,
      questions.map(({ refId, expression, step, kind }) => [refId, expression, step, kind]),
    ]),
    key = `${shape} ${useTurn(range)}`;
  const flight = useRef<AbortController>(),
    answered = useRef<string>(),
    isWanted = isInSight && width > 0;

  useEffect(
    () => () => {
      flight.current?.abort();
      flight.current = undefined;
    },
    [shape, isWanted],
  );
  useEffect(() => {
    if (!isWanted || flight.current || answered.current === key) return;
    const leaving = new AbortController();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      leaving.abort();
    }, MOST_MILLISECONDS);
    flight.current = leaving;
    set((before) => ({ ...before, isLoading: true }));
    const land = (next: (before: Omit<PanelState, "questions">) => Omit<PanelState, "questions">): void => {
      clearTimeout(timer);
      if (leaving.signal.aborted && !isLate) return;
      flight.current = undefined;
      answered.current = key;
      set(next);
      setTurn((before) => before + 1);
    };
    ask(panel, questions, range, leaving.signal).then(
      (data) => land(() => ({ data, isLoading: false })),
      (error: Error) =>
        land((before) => ({
          ...before,
          error: isLate ? new Error(`There was no answer within ${MOST_MILLISECONDS / 1e3} s`) : error,
          isLoading: false,
        })),
    );
  }, [key, isWanted, turn]);

  const data = useMemo(() => {
    if (!state.data) return undefined;
    return { ...state.data, frames: transformed(state.data.frames, panel.transformations ?? []) };
  }, [state.data, panel]);
  return { ...state, ...(data ? { data } : {}), questions };
}
