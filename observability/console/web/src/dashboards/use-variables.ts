/** The variables of the dashboard that is shown, resolved. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Place } from "../router.ts";
import * as loki from "../stores/loki.ts";
import * as prometheus from "../stores/prometheus.ts";
import type { Range } from "../time.ts";
import { legendOf } from "./frames.ts";
import { regularExpression } from "./fields.ts";
import type { Dashboard } from "./json.ts";
import { type OptionQuestion, type OptionSource, type Resolved, resolveVariables } from "./variables.ts";

/** `refresh` of a variable whose options follow the range. */
const ON_RANGE = 2;

/** Ask a store for the options of a variable. */
const askStores: OptionSource = async (
  { source, kind, label, selector, expression }: OptionQuestion,
  range,
  signal,
) => {
  const store = source === "loki" ? loki : prometheus;
  switch (kind) {
    case "label values":
      return source === "loki"
        ? loki.labelValues(label!, range, signal, selector)
        : prometheus.labelValues(label!, selector, range, signal);
    case "label names":
      return store.labels(range, signal);
    case "metrics":
      return (await prometheus.labelValues("__name__", undefined, range, signal)).filter((name) =>
        regularExpression(expression!).test(name),
      );
    case "query result":
      return (await prometheus.query(expression!, range.to, signal)).result.map(
        ({ metric, value: [at, value] }) => `${legendOf(undefined, metric)} ${value} ${at * 1e3}`,
      );
  }
};

/**
 * The variables; undefined until they are resolved the first time. They are resolved anew when the address chooses
 * something else, and when the range moves where one of them follows it. A question that was answered for the same
 * range is not asked again.
 */
export function useVariables(dashboard: Dashboard, place: Place, range: Range): readonly Resolved[] | undefined {
  const variables = useMemo(() => dashboard.templating?.list ?? [], [dashboard]),
    [resolved, set] = useState<readonly Resolved[] | undefined>(variables.length === 0 ? [] : undefined);
  const follows = variables.some(({ refresh, type }) => type === "query" && refresh === ON_RANGE);
  const chosen = JSON.stringify(variables.map(({ name }) => place.query.getAll(`var-${name}`))),
    answers = useRef(new Map<string, string[]>());
  useEffect(() => {
    if (follows) answers.current.clear();
  }, [follows && range.from, follows && range.to]);
  useEffect(() => {
    if (variables.length === 0) return undefined;
    const leaving = new AbortController();
    const remembered: OptionSource = async (question, own, signal) => {
      const key = JSON.stringify(question),
        known = answers.current.get(key) ?? (await askStores(question, own, signal));
      answers.current.set(key, known);
      return known;
    };
    const chosenOf = (name: string): string[] | undefined => {
      const given = place.query.getAll(`var-${name}`);
      return given.length > 0 ? given : undefined;
    };
    resolveVariables(variables, chosenOf, range, remembered, leaving.signal).then(
      (found) => {
        if (!leaving.signal.aborted) set(found);
      },
      () => undefined, // the page has left; failures of a store are part of what is resolved
    );
    return () => leaving.abort();
  }, [variables, chosen, follows && range.from, follows && range.to]);
  return resolved;
}
