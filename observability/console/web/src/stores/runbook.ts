/** The runbook, which the console's server reads. */
import { get } from "./http.ts";

/** `text` is Markdown. */
export interface RunbookSection { title: string; text: string }

export const section = (anchor: string, signal?: AbortSignal): Promise<RunbookSection> => get(`runbook/${anchor}`, {}, signal);
