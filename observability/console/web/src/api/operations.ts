/** The operations of an OpenAPI document, as the page shows them. */
import type { Description, OperationObject, ParameterObject, ResponseObject, Schema } from "../stores/gateway.ts";

export interface Body { media: string; schema: Schema | undefined; example: unknown }
export interface Response { status: string; description: string; media: string | undefined; schema: Schema | undefined; example: unknown }
export interface Operation {
  id: string;
  /** In capital letters. */
  method: string;
  /** The path with its parameters in braces, which is the route in metrics and spans. */
  path: string;
  summary: string;
  token: "required" | "optional" | "none";
  /** What the token has to allow. */
  scopes: string[];
  parameters: ParameterObject[];
  body: Body | undefined;
  responses: Response[];
  /** Whether it changes nothing (RFC 9110, section 9.2.1). */
  isSafe: boolean;
}

const METHODS = ["get", "post", "put", "patch", "delete"];

export function operationsOf({ paths }: Description): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => operationOf(method.toUpperCase(), path, methods[method]!)));
}

function operationOf(method: string, path: string, said: OperationObject): Operation {
  const security = said.security ?? [], [media, content] = Object.entries(said.requestBody?.content ?? {})[0] ?? [];
  return {
    id: said.operationId, method, path, summary: said.summary ?? "", isSafe: method === "GET",
    token: security.length === 0 ? "none" : security.some((one) => Object.keys(one).length === 0) ? "optional" : "required",
    scopes: [...new Set(security.flatMap((one) => Object.values(one).flat()))],
    parameters: said.parameters ?? [],
    body: media === undefined ? undefined : { media, schema: content?.schema, example: content?.example },
    responses: Object.entries(said.responses).map(responseOf),
  };
}

function responseOf([status, said]: [string, ResponseObject]): Response {
  const [media, content] = Object.entries(said.content ?? {})[0] ?? [];
  return { status, description: said.description, media, schema: content?.schema, example: content?.example };
}

/** The schema that a `$ref` within the document leads to. */
export function resolved(document: Description, schema: Schema | undefined): Schema | undefined {
  const reference = schema?.["$ref"];
  if (typeof reference !== "string") return schema;
  return document.components?.schemas?.[reference.split("/").at(-1)!];
}

const DEEPEST = 8;

/** A value to begin with: the schema's own example, or the smallest one that can be told from it. */
export function exampleOf(document: Description, given: Schema | undefined, depth = 0): unknown {
  const schema = resolved(document, given);
  if (!schema || depth > DEEPEST) return null;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0] as unknown;
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.enum)) return schema.enum[0] as unknown;
  const [type] = Array.isArray(schema.type) ? schema.type as string[] : [schema.type];
  switch (type) {
    case "object": return Object.fromEntries(requiredOf(schema).map(([name, one]) => [name, exampleOf(document, one, depth + 1)]));
    case "array": return schema.items ? [exampleOf(document, schema.items as Schema, depth + 1)] : [];
    case "integer": case "number": return Number(schema.minimum ?? 0);
    case "boolean": return false;
    case "string": return "";
    default: return null;
  }
}

function requiredOf(schema: Schema): [string, Schema][] {
  const names = Array.isArray(schema.required) ? schema.required as string[] : [];
  return Object.entries((schema.properties ?? {}) as Record<string, Schema>).filter(([name]) => names.includes(name));
}

/** What a person gave for a call, by parameter name. */
export type Given = Readonly<Record<string, string>>;

/** The path and query of a call, quoted; undefined while a path parameter is missing. */
export function targetOf({ path, parameters }: Operation, given: Given): string | undefined {
  const missing = parameters.some(({ name, in: place, required }) => !given[name] && (place === "path" || (place === "query" && required)));
  if (missing) return undefined;
  const filled = path.replace(/\{([^{}]+)\}/g, (_, name: string) => encodeURIComponent(given[name] ?? ""));
  const query = new URLSearchParams(parameters.filter(({ name, in: place }) => place === "query" && given[name]).map(({ name }) => [name, given[name]!]));
  return query.size > 0 ? `${filled}?${query}` : filled;
}

/** The headers of a call. */
export function headersOf({ parameters, body }: Operation, given: Given, token: string, hasBody: boolean): Record<string, string> {
  const own = parameters.filter(({ name, in: place }) => place === "header" && given[name]).map(({ name }) => [name, given[name]!]);
  return {
    Accept: "application/json", ...Object.fromEntries(own) as Record<string, string>,
    ...(token ? { Authorization: `Bearer ${token.replace(/^Bearer\s+/i, "")}` } : {}),
    ...(body && hasBody ? { "Content-Type": body.media.includes("*") ? "application/octet-stream" : body.media } : {}),
  };
}
