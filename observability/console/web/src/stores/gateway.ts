/** The gateway's public API: its description, and calls of it. */
import { get, send } from "./http.ts";

/** A JSON Schema, or a part of the document that is not looked into. */
export type Schema = Record<string, unknown>;
export interface ParameterObject { name: string; in: "path" | "query" | "header"; required?: boolean; description?: string; schema?: Schema }
export interface MediaObject { schema?: Schema; example?: unknown }
export interface ResponseObject { description: string; content?: Record<string, MediaObject> }
export interface OperationObject {
  operationId: string; summary?: string; description?: string; security?: Record<string, string[]>[];
  parameters?: ParameterObject[]; requestBody?: { required?: boolean; content: Record<string, MediaObject> }; responses: Record<string, ResponseObject>;
}
/** An OpenAPI 3.1 document. */
export interface Description {
  info: { title: string; version: string };
  paths: Record<string, Record<string, OperationObject>>;
  components?: { schemas?: Record<string, Schema> };
}

export interface Call { method: string; path: string; headers: Record<string, string>; body: string }
/** `body` is missing where it is hidden; `cut` says that it goes on. */
export interface Reply {
  status: number; seconds: number; headers: [string, string][]; trace_id: string | null; bytes: number; body?: string; cut?: boolean; hidden?: string[];
}

export const description = (signal?: AbortSignal): Promise<Description> => get("gateway/openapi.json", {}, signal);
export const call = (wanted: Call): Promise<Reply> => send("POST", "gateway/calls", wanted);
