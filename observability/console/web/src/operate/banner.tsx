/** Says on every page that the browser is in operate mode, and what was done last. */
import { useEffect, useState } from "preact/hooks";
import { clock } from "../time.ts";
import { useNotice } from "./actions.ts";
import { leaveSession, useSession } from "./session.ts";

export function OperateBanner() {
  const { open, user, expires_at } = useSession(), notice = useNotice();
  const [error, setError] = useState("");
  useEffect(() => setError(""), [open]);
  if (!open) return null;
  const leave = (): void => { leaveSession().catch((failure: Error) => setError(failure.message)); };
  return <div class="operating" role="region" aria-label="Operate mode">
    <strong>Operate mode</strong> <span>of {user} until {clock((expires_at ?? 0) * 1e3)}: what is done here changes the platform, and is logged.</span>
    <span class="notice" role="status">{error || notice}</span>
    <button onClick={leave}>Leave</button>
  </div>;
}
