/**
 * What changed: deploys, as the command that makes them wrote them down, and starts of processes, as Prometheus saw them.
 * A start that no deploy explains is a restart of a process that had ended. Where deploys are not written down (a
 * platform that another program runs), starts are all there is, and which of them were deploys is not known.
 */
import type { Deployment, ProcessState } from "../stores/platform.ts";
import type { Series } from "../stores/prometheus.ts";

export interface Start { at: number; service: string; instance: string }
export interface Change {
  kind: "deploy" | "restart" | "start";
  /** When it began; milliseconds. */
  at: number;
  title: string;
  details: string[];
}

/** Starts that are closer than this are one change; milliseconds. */
const TOGETHER = 90_000;
/** The clocks by which times are told differ by less; milliseconds. */
const SAME = 2_000;

/**
 * Every start that can be seen.
 *
 * Args: series of `queries.starts` over time; the processes as their supervisor has them, undefined where there is
 * none: it knows of those that have no metrics; the present time, milliseconds.
 */
export function startsOf(series: readonly Series[], processes: readonly ProcessState[] | undefined, now: number): Start[] {
  const found = distinct(series.flatMap(({ metric: { service = "", instance = "" }, values }) =>
    values.map(([, text]): Start => ({ at: Number(text) * 1e3, service, instance }))));
  const measured = new Set(found.map(({ instance }) => processOf(instance)));
  for (const { name, state, age_seconds: seconds } of processes ?? []) {
    if (state === "Running" && !measured.has(processOf(name))) found.push({ at: now - seconds * 1e3, service: name, instance: name });
  }
  return found;
}

function distinct(starts: readonly Start[]): Start[] {
  const byInstance = new Map<string, Start[]>();
  for (const start of starts) {
    const known = byInstance.get(start.instance) ?? [];
    if (known.every(({ at }) => Math.abs(at - start.at) > SAME)) known.push(start);
    byInstance.set(start.instance, known);
  }
  return [...byInstance.values()].flat();
}

/** Prometheus calls a process `accounts-1` that the supervisor may call `accounts`. */
const processOf = (instance: string): string => instance.replace(/-\d+$/, "");

/** The newest changes first. Args: `deployments` undefined where they are not written down. */
export function changesOf(starts: readonly Start[], deployments: readonly Deployment[] | undefined, processes: readonly ProcessState[] = []): Change[] {
  const found = (deployments ?? []).map(deployed), since = Math.min(...(deployments ?? []).map(startedAt));
  const unexplained = starts.filter(({ at }) => !(deployments ?? []).some((one) => at >= startedAt(one) - SAME && at <= endedAt(one) + SAME));
  const untold = new Map(processes.filter(({ restarts }) => restarts > 0).map((process) => [processOf(process.name), process]));
  for (const group of together(unexplained)) found.push(group[0]!.at > since ? restarted(group, untold) : started(group, untold));
  return found.sort((a, b) => b.at - a.at);
}

const startedAt = ({ started: at }: Deployment): number => Date.parse(at);
const endedAt = ({ ended: at }: Deployment): number => Date.parse(at);

function deployed(deployment: Deployment): Change {
  const { command, changes, failed } = deployment, count = changes.length;
  const title = failed ? `${command} failed` : count === 1 ? changes[0]! : `${command}: ${count} changes`;
  return { kind: "deploy", at: startedAt(deployment), title, details: failed ? [failed, ...changes] : count === 1 ? [] : [...changes] };
}

type Untold = Map<string, ProcessState>;

function restarted(group: readonly Start[], processes: Untold): Change {
  return { kind: "restart", at: group[0]!.at, title: `${names(group)} started again, by no deploy`, details: endings(group, processes) };
}

function started(group: readonly Start[], processes: Untold): Change {
  const services = new Set(group.map(({ service }) => service)), many = services.size > 3;
  const details = [...(many ? [names(group)] : []), ...endings(group, processes)];
  return { kind: "start", at: group[0]!.at, title: many ? `${group.length} processes of ${services.size} parts started` : `${names(group)} started`, details };
}

const names = (group: readonly Start[]): string => [...new Set(group.map(({ service }) => service))].sort().join(", ");

/** How often the supervisor started a process again: its count, of which the newest start of it is told, and no other. */
function endings(group: readonly Start[], untold: Untold): string[] {
  return [...new Set(group.map(({ instance }) => processOf(instance)))].flatMap((name) => {
    const process = untold.get(name);
    untold.delete(name);
    if (!process) return [];
    const { restarts, exit_code: code } = process, times = restarts === 1 ? "once" : `${restarts} times`;
    return `${process.name} was started again ${times} because it had ended; its last exit code is ${code}`;
  });
}

/** Starts that follow each other soon, the newest first in and among groups. */
function together(starts: readonly Start[]): Start[][] {
  const groups: Start[][] = [];
  for (const start of [...starts].sort((a, b) => b.at - a.at)) {
    const group = groups.at(-1);
    if (group && group.at(-1)!.at - start.at < TOGETHER) group.push(start);
    else groups.push([start]);
  }
  return groups;
}
