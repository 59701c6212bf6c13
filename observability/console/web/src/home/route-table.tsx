/** Golden signals of the public routes: rate, errors, duration, and how full the edge and the gateway are. */
import { durationText, rateText, shareText } from "../components/figures.ts";
import { Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import type { RouteSignals } from "./routes.ts";

/** From where on the alerts HighErrorRatio and HighLatency count. */
const MANY_ERRORS = 0.05;
const SLOW_SECONDS = 1;

export interface Fullness { inProgress: readonly { service: string; value: number }[]; shed: number }

export function RouteTable({ routes, fullness }: { routes: readonly RouteSignals[]; fullness: Fullness }) {
  return <>
    <table class="listing">
      <thead><tr><th>At</th><th>Route</th><th class="number">Rate</th><th class="number">5xx</th><th class="number">p50</th><th class="number">p95</th></tr></thead>
      <tbody>{routes.map((one) => <RouteRow key={`${one.service} ${one.route}`} signals={one} />)}</tbody>
    </table>
    {routes.length === 0 && <p class="faint">No route was asked for in the last 5 minutes.</p>}
    <p class="faint">In progress: {fullness.inProgress.map(({ service, value }) => `${value} at ${service}`).join(", ") || "not known"}; shed {rateText(fullness.shed)}. Over 5 minutes.</p>
  </>;
}

function RouteRow({ signals: { service, route, rate, errors, p50, p95 } }: { signals: RouteSignals }) {
  return <tr data-route={`${service} ${route}`}>
    <td><a href={href({ path: "/d/nextphase-service", "var-service": service })}>{service}</a></td>
    <td><Name text={route || "no route matched"} limit={80} /></td>
    <td class="number">{rateText(rate)}</td>
    <td class={`number ${errors > MANY_ERRORS ? "bad" : errors > 0 ? "warning" : ""}`}>{shareText(errors)}</td>
    <td class="number">{durationText(p50)}</td>
    <td class={p95 !== undefined && p95 > SLOW_SECONDS ? "number bad" : "number"}>{durationText(p95)}</td>
  </tr>;
}
