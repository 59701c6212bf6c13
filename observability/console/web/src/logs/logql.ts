/** LogQL, as far as a page writes it: quoting, selectors, filters by a click, completion. */
import type { Labels } from "../stores/prometheus.ts";

/** Labels of a stream in Loki (observability/loki/loki.yaml); every other field is structured metadata or parsed. */
export const STREAM_LABELS: readonly string[] = ["service_name", "service_instance_id", "deployment_environment_name"];

/** A string of LogQL. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The selector of the stream that a line stands in. */
export function selectorOf(labels: Labels): string {
  const known = STREAM_LABELS.filter((name) => labels[name] !== undefined);
  const matchers = known.map((name) => `${name}=${quoted(labels[name]!)}`);
  return `{${matchers.length > 0 ? matchers.join(", ") : 'service_name=~".+"'}}`;
}
