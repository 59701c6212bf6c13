/** Operate mode in this browser: whether it is on, for everything that is drawn. */
import { useEffect, useState } from "preact/hooks";
import { get, send } from "../stores/http.ts";

/** `available`: whether this console has an operate mode; times are seconds since the epoch. */
export interface Session { open: boolean; available: boolean; id?: string; user?: string; expires_at?: number }

const CLOSED: Session = { open: false, available: false };
const LONGEST_TIMER = 2 ** 31 - 1;
const listeners = new Set<() => void>();
let current: Session = CLOSED;
let asked: Promise<void> | undefined;
let latest = 0;
let expiry: ReturnType<typeof setTimeout> | undefined;

function set(session: Session): void {
  current = session;
  clearTimeout(expiry);
  const left = (session.expires_at ?? 0) * 1e3 - Date.now();
  if (session.open) expiry = setTimeout(() => set({ ...CLOSED, available: true }), Math.min(LONGEST_TIMER, Math.max(0, left)));
  for (const tell of listeners) tell();
}

/** Take an answer, unless a later question was asked meanwhile: an early "closed" must not end what a token opened. */
async function take(asking: Promise<Session>): Promise<void> {
  const turn = ++latest;
  const session = await asking;
  if (turn === latest) set(session);
}

/** Ask the server whether there is a session. */
export const refreshSession = (): Promise<void> => take(get<Session>("operate/session"));

/** Spend a one-time token. */
export const openSession = (token: string): Promise<void> => take(send<Session>("POST", "operate/session", { token }));

/** Leave operate mode. */
export const leaveSession = (): Promise<void> => take(send<Session>("DELETE", "operate/session"));

/** The session, followed; asked for once a page is loaded. */
export function useSession(): Session {
  const [value, setValue] = useState(current);
  useEffect(() => {
    const tell = (): void => setValue(current);
    listeners.add(tell);
    asked ??= refreshSession().catch(() => { asked = undefined; });
    tell();
    return () => { listeners.delete(tell); };
  }, []);
  return value;
}
