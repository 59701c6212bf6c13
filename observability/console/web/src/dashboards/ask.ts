/** Asks the stores what a panel's queries say. */
import * as loki from "../stores/loki.ts";
import type { Line } from "../stores/loki.ts";
import * as prometheus from "../stores/prometheus.ts";
import type { Exemplar } from "../stores/prometheus.ts";
import { duration, moment, type Range, written } from "../time.ts";
import { type Frame, grid, heatmapFrames, sampleFrames, seriesFrames, tableFrame } from "./frames.ts";
import { builtIn, interpolate, type Scope } from "./interpolation.ts";
import { intervalFor, leastInterval, rateInterval, SCRAPE_INTERVAL } from "./interval.ts";
import type { DataSourceRef, Panel, Target } from "./json.ts";

export type Source = "prometheus" | "loki";
/** One query as it is asked. */
export interface Question {
  refId: string;
  target: Target;
  source: Source;
  kind: "lines" | "range" | "instant";
  expression: string;
  /** Milliseconds. */
  step: number;
  range: Range;
}
/** What became of a question. */
export interface Asked {
  question: Question;
  milliseconds: number;
  count: number;
  warnings: readonly string[];
}
export interface PanelData {
  frames: Frame[];
  lines: Line[];
  exemplars: Exemplar[];
  warnings: string[];
  asked: Asked[];
  range: Range;
}

const LEAST_LOKI_STEP = 1_000;
/** Lines that are asked for where the panel does not say, and the server's own bound. */
const USUAL_LINES = 1_000;
const MOST_LINES = 5_000;

function sourceOf(panel: Panel, target: Target): Source | undefined {
  const given = typeOf(target.datasource) ?? typeOf(panel.datasource);
  return given === "prometheus" || given === "loki" ? given : undefined;
}
const typeOf = (source: DataSourceRef | string | null | undefined): string | undefined =>
  typeof source === "object" ? source?.type : undefined;

/** The range of a panel, which may have one of its own. */
export function rangeOfPanel({ timeFrom, timeShift }: Panel, range: Range, now = Date.now()): Range {
  const from = timeFrom ? moment(timeFrom.startsWith("now") ? timeFrom : `now-${timeFrom}`, now) : undefined;
  const own = from === undefined ? range : { from, to: now },
    shift = timeShift ? (duration(timeShift) ?? 0) : 0;
  return { from: own.from - shift, to: own.to - shift };
}

/** The questions of a panel that has room for `points` values. */
export function questionsOf(panel: Panel, scope: Scope, range: Range, points: number): Question[] {
  const own = rangeOfPanel(panel, range);
  return (panel.targets ?? [])
    .filter((target) => !target.hide && target.expr)
    .flatMap((target): Question[] => {
      const source = sourceOf(panel, target);
      if (!source) return [];
      const least = leastInterval(
        interpolate(target.interval ?? "", scope, "title"),
        interpolate(panel.interval ?? "", scope, "title"),
      );
      const step = intervalFor(
        own,
        panel.maxDataPoints ?? points,
        least ?? (source === "prometheus" ? SCRAPE_INTERVAL : LEAST_LOKI_STEP),
      );
      const macros = builtIn(own, { interval: step, rate: rateInterval(step, least ?? SCRAPE_INTERVAL) });
      const named = {
        ...target,
        legendFormat: interpolate(target.legendFormat ?? "", { ...macros, ...scope }, "title"),
      };
      const isLines = source === "loki" && (panel.type === "logs" || target.format === "logs");
      const kind = isLines ? "lines" : source === "prometheus" && target.instant && !target.range ? "instant" : "range";
      return [
        {
          refId: target.refId,
          target: named,
          source,
          kind,
          expression: interpolate(target.expr!, { ...macros, ...scope }, "query"),
          step,
          range: own,
        },
      ];
    });
}

/** Ask all questions of a panel at once; fails as the first one that fails. */
export async function ask(
  panel: Panel,
  questions: readonly Question[],
  range: Range,
  signal: AbortSignal,
): Promise<PanelData> {
  const isAlone = (panel.targets ?? []).filter(({ hide }) => !hide).length < 2;
  const [answers, exemplars] = await Promise.all([
    Promise.all(questions.map((question) => answer(question, isAlone, signal))),
    Promise.all(questions.filter(wantsExemplars).map((question) => exemplarsOf(question, signal))),
  ]);
  return {
    frames: answers.flatMap(({ frames }) => frames),
    lines: answers.flatMap(({ lines }) => lines),
    exemplars: exemplars.flatMap(({ found }) => found),
    warnings: [
      ...new Set([...answers.flatMap(({ asked }) => asked.warnings), ...exemplars.flatMap(({ warnings }) => warnings)]),
    ],
    asked: answers.map(({ asked }) => asked),
    range,
  };
}

const wantsExemplars = ({ source, kind, target }: Question): boolean =>
  source === "prometheus" && kind === "range" && target.exemplar === true;

async function exemplarsOf(
  { expression, range }: Question,
  signal: AbortSignal,
): Promise<{ found: Exemplar[]; warnings: string[] }> {
  try {
    return { found: await prometheus.exemplars(expression, range, signal), warnings: [] };
  } catch (error) {
    if (signal.aborted) throw error;
    return { found: [], warnings: [`There are no exemplars: ${(error as Error).message}`] };
  }
}

interface Answer {
  frames: Frame[];
  lines: Line[];
  asked: Asked;
}

async function answer(question: Question, isAlone: boolean, signal: AbortSignal): Promise<Answer> {
  const start = performance.now(),
    { target, expression, range, step, source } = question;
  const asked = (count: number, warnings: readonly string[]): Asked => ({
    question,
    milliseconds: performance.now() - start,
    count,
    warnings,
  });
  if (question.kind === "lines") {
    const limit = Math.min(MOST_LINES, target.maxLines || USUAL_LINES),
      { lines, warnings } = await loki.lines(expression, range, limit, "backward", signal);
    return { frames: [], lines, asked: asked(lines.length, warnings) };
  }
  if (question.kind === "instant") {
    const { result, warnings } = await prometheus.query(expression, range.to, signal),
      frames = sampleFrames(target, result);
    return { frames: shaped(target, frames, isAlone), lines: [], asked: asked(result.length, warnings) };
  }
  const { result, warnings } = await (source === "loki" ? loki.queryRange : prometheus.queryRange)(
    expression,
    range,
    step,
    signal,
  );
  const frames = seriesFrames(target, result, grid(range.from, range.to, step), step);
  return { frames: shaped(target, frames, isAlone), lines: [], asked: asked(result.length, warnings) };
}

function shaped(target: Target, frames: Frame[], isAlone: boolean): Frame[] {
  if (target.format === "table") return [tableFrame(target, frames, isAlone)];
  return target.format === "heatmap" ? heatmapFrames(frames) : frames;
}

/** What a question asks, in a line. */
export const describe = ({ source, kind, step, range }: Question): string =>
  [source, ...spanText(kind, range), ...(kind === "range" ? [`step ${written(step)}`] : [])].join(", ");

function spanText(kind: Question["kind"], { from, to }: Range): string[] {
  const end = new Date(to).toISOString();
  return [kind === "instant" ? `at ${end}` : `${new Date(from).toISOString()} to ${end}`];
}
