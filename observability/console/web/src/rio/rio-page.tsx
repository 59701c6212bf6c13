/** The broker's page: what is declared, what flows, what waits and what was given up. */
import { EmptyNote } from "../components/notes.tsx";
import { useSession } from "../operate/session.ts";
import { href, type Place } from "../router.ts";
import { DeadLetterView } from "./dead-letter.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { Deliveries } from "./deliveries.tsx";
import { EventTypes } from "./event-types.tsx";
import { Replays } from "./replays.tsx";
import { ScheduledEvents } from "./scheduled.tsx";
import { Subscriptions } from "./subscriptions.tsx";
import { Tail } from "./tail.tsx";
import { TopologyTab } from "./topology.tsx";

const TABS = [
  ["topology", "Topology"], ["events", "Event types"], ["subscriptions", "Subscriptions"], ["tail", "Live tail"],
  ["deliveries", "Deliveries"], ["dead-letters", "Dead letters"], ["replays", "Replays"], ["scheduled", "Scheduled"],
] as const;

export function RioPage({ rest, place }: { rest: string; place: Place }) {
  const [tab = "topology", id] = rest === "" ? [] : rest.split("/"), { open } = useSession();
  return <>
    <div class="bar">
      <h1>Rio</h1>
      {!open && <a href="/operate" class="tag" title="How to act from here">read-only</a>}
    </div>
    <nav class="sections" aria-label="Rio">
      {TABS.map(([name, title]) => <a key={name} href={href({ path: `/rio/${name}` })} aria-current={name === tab ? "page" : undefined}>{title}</a>)}
    </nav>
    <Tab tab={tab} id={id} place={place} />
  </>;
}

function Tab({ tab, id, place }: { tab: string; id: string | undefined; place: Place }) {
  switch (tab) {
    case "topology": return <TopologyTab place={place} />;
    case "events": return <EventTypes place={place} />;
    case "subscriptions": return <Subscriptions place={place} />;
    case "tail": return <Tail place={place} />;
    case "deliveries": return <Deliveries place={place} />;
    case "dead-letters": return id && /^\d{1,15}$/.test(id) ? <DeadLetterView id={Number(id)} /> : <DeadLetters place={place} />;
    case "replays": return <Replays />;
    case "scheduled": return <ScheduledEvents />;
    default: return <EmptyNote>Rio has no page {tab}.</EmptyNote>;
  }
}
