/**
 * The PromQL of the pages that are not dashboards. Names are those of the recording rules
 * (observability/prometheus/rules/recording.yml), whose values the alerts compare, too.
 */
import { written } from "./time.ts";

/** The routes of what is open to users: the edge as a whole, and the gateway's routes. */
const PUBLIC = 'service=~"edge-nginx|gateway"';

export const routeRequests = `sum by (service, http_route) (service_route:http_server_requests:rate5m{${PUBLIC}})`;
export const routeErrors = `sum by (service, http_route) (service_route:http_server_errors:rate5m{${PUBLIC}})`;
export const routeDuration = (share: number): string =>
  `histogram_quantile(${share}, sum by (service, http_route, le) (service_route_le:http_server_duration_seconds_bucket:rate5m{${PUBLIC}}))`;

/** How full they are: requests in progress at the gateway, and connections of the edge that are read from or written to. */
export const saturation = 'sum by (service) (gateway_requests_in_flight{service="gateway"}) or '
  + 'sum by (service) (nginx_connections_current{service="edge-nginx", state=~"reading|writing"})';
/** Requests a second that the gateway refused because it has too much to do. */
export const shed = "sum(rate(gateway_shed_total[5m])) or vector(0)";

/** Whether Prometheus reaches each process, and whether each says that it is ready. */
export const up = 'min by (service, instance) (up)';
export const ready = "min by (service, instance) (health_ready)";
/** PostgreSQL has no metrics of its own: whether hops reach their databases. */
export const databasesReached = 'min by (instance) (health_check_up{check="database"})';

/** When each process started, seconds since the epoch; of nginx and PostgreSQL nothing tells. */
export const starts = "max by (service, instance) (process_start_time_seconds)";

const CALL = "client, server, connection_type";

/** Calls, as traces show them, over the last `window` milliseconds: rate, rate of the failed ones, 95th percentile. */
export function calls(window: number): { requests: string; failed: string; p95: string } {
  const quantile = `histogram_quantile(0.95, sum by (${CALL}, le) (${counted("traces_service_graph_request_server_seconds_bucket", window)}))`;
  return {
    requests: `sum by (${CALL}) (${counted("traces_service_graph_request_total", window)})`,
    failed: `sum by (${CALL}) (${counted("traces_service_graph_request_failed_total", window)})`,
    p95: quantile,
  };
}

/**
 * The rate of a counter of the collector's. rate() does not see what a counter is born with: a call that was made once
 * would never be seen. Where the collector is known to have run before without the counter, or to be no older than the
 * window, all of it counts.
 */
function counted(metric: string, window: number): string {
  const over = written(window), seconds = window / 1e3;
  const age = 'label_replace(otelcol_process_uptime_seconds_total{service="collector"}, "instance", "collector-spans", "", "")';
  return `((${metric} unless ${metric} offset ${over}) and on (instance) (up offset ${over} == 1 or ${age} < ${seconds})) / ${seconds} or rate(${metric}[${over}])`;
}
