/** Asking the console's server. */

const JSON_ONLY = { Accept: "application/json" };

export type Parameters = Record<string, string | number | undefined>;

/** A question without an answer; the message says why, for a person. */
export class StoreError extends Error {
  readonly status: number;
  readonly detail: string | undefined;
  constructor(status: number, title: string, detail?: string) {
    super(detail ? `${title}: ${detail}` : title);
    this.status = status;
    this.detail = detail;
  }
}

/** Get JSON from an address below `/api/`; raises StoreError, or what `signal` aborts with. */
export async function get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  return await answered<T>(`/api/${path}${queryOf(parameters)}`, { headers: JSON_ONLY }, signal);
}

/** Have something done at an address below `/api/`; gives the answer's JSON, undefined where it has none. Raises as `get`. */
export const send = <T>(method: "POST" | "DELETE", path: string, body: unknown = {}): Promise<T> =>
  answered<T>(`/api/${path}`, { method, headers: { ...JSON_ONLY, "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** An answer that goes on, such as a live tail; raises as `get`. */
export async function open(path: string, parameters: Parameters, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const answer = await fetched(`/api/${path}${queryOf(parameters)}`, {}, signal);
  if (!answer.ok || !answer.body) throw await refusal(answer);
  return answer.body;
}

async function answered<T>(address: string, options: RequestInit, signal?: AbortSignal): Promise<T> {
  const answer = await fetched(address, options, signal);
  if (!answer.ok) throw await refusal(answer);
  const text = await answer.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

async function fetched(address: string, options: RequestInit, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, { ...options, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new StoreError(0, "The console does not answer");
  }
}

function queryOf(parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== "") query.set(name, String(value));
  return query.size > 0 ? `?${query}` : "";
}

/** What an error answer says: a problem document (RFC 9457), or what the stores write. */
async function refusal(answer: Response): Promise<StoreError> {
  const text = await answer.text();
  try {
    const said = JSON.parse(text) as Record<string, unknown>;
    const errors = Array.isArray(said.errors) ? said.errors.map((one: Record<string, unknown>) => `${one.pointer ?? ""} ${one.detail ?? one.msg ?? ""}`.trim()) : [];
    const title = typeof said.title === "string" ? said.title : `Refused (${answer.status})`;
    const detail = [said.detail, said.error, said.message, ...errors].filter((one) => typeof one === "string" && one !== "").join("; ");
    return new StoreError(answer.status, title, detail || undefined);
  } catch {
    return new StoreError(answer.status, `Refused (${answer.status})`, text.slice(0, 300) || undefined);
  }
}
