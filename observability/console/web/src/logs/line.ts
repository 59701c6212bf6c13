/** What a log line says of itself: its level, its trace, its fields. */
import type { Line } from "../stores/loki.ts";

export type Level = "trace" | "debug" | "info" | "warning" | "error" | "critical";
export const LEVELS: readonly Level[] = ["trace", "debug", "info", "warning", "error", "critical"];

/** The level of a word such as `warn`, `ERROR` or `fatal`; info where it is none. */
export function levelOf(word: string): Level {
  const lower = word.toLowerCase();
  if (/^(fatal|crit|emerg|alert|panic)/.test(lower)) return "critical";
  if (lower.startsWith("err")) return "error";
  if (lower.startsWith("warn")) return "warning";
  if (lower.startsWith("debug")) return "debug";
  return lower.startsWith("trace") ? "trace" : "info";
}

export const level = ({ labels }: Line): Level =>
  levelOf(labels.severity_text ?? labels.detected_level ?? labels.level ?? "");

/** The trace that a line was written in, and its span; undefined where it names none. */
export function traceOf({ labels }: Line): { trace: string; span: string | undefined } | undefined {
  const { trace_id: trace = "", span_id: span = "" } = labels;
  if (!/^[0-9a-f]{32}$/.test(trace)) return undefined;
  return { trace, span: /^[0-9a-f]{16}$/.test(span) ? span : undefined };
}

/** The fields of a line by name. */
export const fields = ({ labels }: Line): [string, string][] =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** Something that tells each of some lines from the others, and stays as lines are added. */
export function keysOf(lines: readonly Line[]): string[] {
  const seen = new Map<string, number>();
  return lines.map(({ nanoseconds, labels }) => {
    const { service_name: service = "", service_instance_id: instance = "", span_id: span = "" } = labels;
    const name = `${nanoseconds} ${service} ${instance} ${span}`;
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return `${name} ${count}`;
  });
}
