/** The page that a one-time token opens operate mode on; and what operate mode is, for those without one. */
import { useEffect, useState } from "preact/hooks";
import { ErrorNote } from "../components/notes.tsx";
import { clock } from "../time.ts";
import { useCommand } from "../use-command.ts";
import { openSession, useSession } from "./session.ts";

export function OperatePage() {
  const session = useSession(), [error, setError] = useState<Error>();
  useEffect(() => {
    const token = takeToken();
    if (token) openSession(token).catch(setError);
  }, []);
  return <>
    <div class="bar"><h1>Operate mode</h1></div>
    <section class="card prose">
      <ErrorNote error={error} />
      {session.open
        ? <p>This browser may act, in the name of {session.user}, until {clock((session.expires_at ?? 0) * 1e3)}. Go on with <a href="/rio">Rio</a>, <a href="/alerts">alerts</a> or the <a href="/api">API</a>.</p>
        : <Closed isAvailable={session.available} />}
    </section>
  </>;
}

function Closed({ isAvailable }: { isAvailable: boolean }) {
  const command = useCommand("console --operate");
  if (!isAvailable) return <p>This console only shows. It has no operate mode.</p>;
  return <>
    <p>This console only shows until a user who may run commands on its machine lets a browser act:</p>
    <pre>{command}</pre>
    <p>prints an address that is good once. Opened here, this browser may for a while replay, redeliver and discard events, pause and resume
      subscriptions, silence alerts and call the API's methods that change something, and sees event bodies. Each action asks once and is logged.</p>
  </>;
}

/** The token of the address' fragment, which then is in no history any more. */
function takeToken(): string {
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}
