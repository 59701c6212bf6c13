/** What happened while: annotations of a dashboard, asked once for all of its panels. */
import type { Annotation } from "../charts/layers.ts";
import { interpolate, type Scope, builtIn } from "./interpolation.ts";
import { namedColour } from "./colours.ts";
import { intervalFor, rateInterval } from "./interval.ts";
import { legendOf } from "./frames.ts";
import type { AnnotationQuery, Dashboard } from "./json.ts";
import * as loki from "../stores/loki.ts";
import * as prometheus from "../stores/prometheus.ts";
import { duration, type Range } from "../time.ts";

const USUAL_STEP = 60_000;
const MOST_LINES = 100;
const POINTS = 500;

/** The annotations that a dashboard can show; Grafana's own are kept by Grafana. */
export const annotationQueries = (dashboard: Dashboard): AnnotationQuery[] =>
  (dashboard.annotations?.list ?? []).filter(({ builtIn: own }) => own !== 1);

/** What an annotation query finds. */
export async function annotations(
  query: AnnotationQuery,
  scope: Scope,
  range: Range,
  signal: AbortSignal,
): Promise<Annotation[]> {
  const expression = query.expr ?? query.target?.expr ?? "",
    type = typeof query.datasource === "object" ? query.datasource?.type : undefined;
  if (!expression) return [];
  const step = Math.max(duration(query.step ?? "") ?? USUAL_STEP, intervalFor(range, POINTS));
  const filled = interpolate(
    expression,
    { ...builtIn(range, { interval: step, rate: rateInterval(step) }), ...scope },
    "query",
  );
  if (type === "loki") {
    const { lines } = await loki.lines(filled, range, MOST_LINES, "backward", signal);
    return lines.map(({ at, labels, text }) => marked(query, labels, at, undefined, text));
  }
  const { result } = await prometheus.queryRange(filled, range, step, signal);
  return result.flatMap(({ metric, values }) =>
    spans(values, step).map(({ at, until }) => marked(query, metric, at, until)),
  );
}

/** Stretches of values that are not zero: each is one annotation. */
function spans(values: readonly [number, string][], step: number): { at: number; until?: number }[] {
  const found: { at: number; until?: number }[] = [];
  let last = -Infinity;
  for (const [seconds, text] of values) {
    const at = seconds * 1e3;
    if (!Number(text)) continue;
    if (at - last <= step * 1.5 && found.length > 0) found[found.length - 1]!.until = at;
    else found.push({ at });
    last = at;
  }
  return found;
}

function marked(
  query: AnnotationQuery,
  labels: Record<string, string>,
  at: number,
  until: number | undefined,
  line = "",
): Annotation {
  const filled = (format: string | undefined, otherwise: string): string =>
    format ? legendOf(format, labels) : otherwise;
  const tags = (query.tagKeys ?? "")
    .split(",")
    .map((name) => labels[name.trim()])
    .filter(Boolean)
    .join(", ");
  const details: [string, string][] = [
    ["Annotation", query.name],
    ["Text", filled(query.textFormat, line)],
    ["Tags", tags],
  ];
  return {
    at,
    ...(until === undefined ? {} : { until }),
    title: filled(query.titleFormat, query.name),
    details: details.filter(([, text]) => text !== ""),
    colour: namedColour(query.iconColor ?? "blue"),
  };
}
