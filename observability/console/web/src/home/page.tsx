/** Home: is it well? What fires, what the public routes do, who calls whom, what changed, what failed. */
import { useAlerts } from "../alerts/use-alerts.ts";
import { useTimeRange } from "../components/time-range.tsx";
import type { State } from "../map/health.ts";
import { ServiceMap } from "../map/service-map.tsx";
import { useServiceGraph } from "../map/use-service-graph.ts";
import { href, type Place } from "../router.ts";
import { processes } from "../stores/platform.ts";
import { clock } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { ChangeList } from "./change-list.tsx";
import { ErrorList } from "./error-list.tsx";
import { ERROR_LINES } from "./errors.ts";
import { Firing } from "./firing.tsx";
import { Panel } from "./panel.tsx";
import { RouteTable } from "./route-table.tsx";
import { useChanges, useNewestErrors, useRoutes } from "./use-home.ts";
import { verdict, type Verdict } from "./verdict.ts";

const SIGNS: Record<State, string> = { good: "✓", warning: "!", bad: "✕", unknown: "?" };
/** Home is about now, whatever time other pages look at. */
const NOW = { from: "now-5m", to: "now" };

export function HomePage({ place }: { place: Place }) {
  const timing = useTimeRange({ path: place.path, query: new URLSearchParams() }, NOW), { range } = timing, now = range.to;
  const { alerts, groups, errors: alertErrors } = useAlerts(now);
  const { graph, health, errors: graphErrors } = useServiceGraph(range, alerts);
  const running = useAnswer(processes, [now]), routes = useRoutes(now), changes = useChanges(now), errors = useNewestErrors(now);
  const told = alerts && graph && verdict({ alerts, health: graph.parts.map(({ name }) => [name, health(name)]), processes: running.answer });
  const ruleCount = groups?.flatMap(({ rules }) => rules).length ?? 0;
  return <div class="home">
    <h1 class="visually-hidden">Home</h1>
    <Banner verdict={told} isUnknown={alertErrors.length > 0 && !alerts} at={now} refresh={timing.refreshNow} />
    <Panel title="Firing alerts" area="firing" more={{ text: "all alerts", href: href({ path: "/alerts", keepTime: false }) }} errors={alertErrors}>
      {alerts && <Firing alerts={alerts} ruleCount={ruleCount} now={now} />}
    </Panel>
    <Panel title="Public routes" area="routes" more={{ text: "gateway", href: href({ path: "/d/nextphase-gateway", keepTime: false }) }} errors={[routes.error]}>
      {routes.answer && <RouteTable {...routes.answer} />}
    </Panel>
    <Panel title="Service map" area="map" more={{ text: "map", href: href({ path: "/map", keepTime: false }) }} errors={graphErrors}>
      {graph && <ServiceMap graph={graph} health={health} />}
    </Panel>
    <Panel title="Last deploys" area="changes" errors={[changes.error]}>
      {changes.answer && <ChangeList {...changes.answer} now={now} />}
    </Panel>
    <Panel title="Newest errors" area="errors" more={{ text: "all lines", href: href({ path: "/logs", keepTime: false, query: ERROR_LINES }) }} errors={[errors.error]}>
      {errors.answer && <ErrorList errors={errors.answer} now={now} />}
    </Panel>
  </div>;
}

interface BannerProps { verdict: Verdict | undefined; isUnknown: boolean; at: number; refresh: () => void }

function Banner({ verdict: told, isUnknown, at, refresh }: BannerProps) {
  const state = told?.state ?? "unknown";
  const sentence = told?.sentence ?? (isUnknown ? "It is not known whether all is well" : "Asking …");
  return <section class={`banner ${state}`} aria-label="Is it well?">
    <p class="sentence" role="status" data-verdict={told ? state : undefined}><span aria-hidden="true">{SIGNS[state]}</span> {sentence}</p>
    <ul>{told?.points.map((point) => <li key={point}>{point}</li>)}</ul>
    <span class="faint">{clock(at)} <button aria-label="Refresh" onClick={refresh}>↻</button></span>
  </section>;
}
