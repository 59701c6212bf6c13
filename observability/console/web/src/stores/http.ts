/** Asking the console's server. */

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
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== "") query.set(name, String(value));
  const address = `/api/${path}${query.size > 0 ? `?${query}` : ""}`;
  let answer: Response;
  try {
    answer = await fetch(address, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new StoreError(0, "The console does not answer");
  }
  if (answer.ok) return await answer.json() as T;
  throw await refusal(answer);
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
