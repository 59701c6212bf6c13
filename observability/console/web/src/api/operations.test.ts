import assert from "node:assert/strict";
import { test } from "node:test";
import type { Description } from "../stores/gateway.ts";
import { exampleOf, headersOf, operationsOf, resolved, targetOf } from "./operations.ts";

const DOCUMENT: Description = {
  info: { title: "a", version: "1" },
  paths: {
    "/v1/orders": {
      post: {
        operationId: "place-order", summary: "Place an order", security: [{ bearer: ["orders:write"] }],
        parameters: [{ name: "Idempotency-Key", in: "header" }],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/NewOrder" } } } },
        responses: { 202: { description: "Placed", content: { "application/json": { example: { id: 1 } } } }, default: { description: "A problem" } },
      },
      get: { operationId: "orders", security: [{}, { bearer: [] }], parameters: [{ name: "limit", in: "query" }], responses: {} },
    },
    "/v1/stock/{sku}": { get: { operationId: "item", parameters: [{ name: "sku", in: "path", required: true }], responses: {} } },
  },
  components: { schemas: { NewOrder: { type: "object", required: ["lines", "note", "kind"], properties: {
    lines: { type: "array", items: { $ref: "#/components/schemas/Line" } }, note: { type: ["string", "null"] }, kind: { enum: ["a", "b"] }, other: { type: "string" },
  } }, Line: { type: "object", required: ["quantity"], properties: { quantity: { type: "integer", minimum: 1 } } } } },
};
const [orders, place, item] = operationsOf(DOCUMENT);

test("operations say what they need", () => {
  assert.deepEqual([orders!.id, orders!.method, orders!.isSafe, orders!.token], ["orders", "GET", true, "optional"]);
  assert.deepEqual([place!.id, place!.method, place!.isSafe, place!.token, place!.scopes], ["place-order", "POST", false, "required", ["orders:write"]]);
  assert.equal(item!.token, "none");
  assert.deepEqual(place!.responses.map(({ status, example }) => [status, example]), [["202", { id: 1 }], ["default", undefined]]);
});

test("an example is the smallest value of a schema", () => {
  assert.deepEqual(exampleOf(DOCUMENT, place!.body!.schema), { lines: [{ quantity: 1 }], note: "", kind: "a" });
  assert.deepEqual(exampleOf(DOCUMENT, { type: "object", examples: [{ a: 1 }] }), { a: 1 });
  assert.equal(exampleOf(DOCUMENT, undefined), null);
});

test("an example of a schema that holds itself ends", () => {
  const own: Description = { ...DOCUMENT, components: { schemas: { Own: { type: "array", items: { $ref: "#/components/schemas/Own" } } } } };
  assert.ok(JSON.stringify(exampleOf(own, { $ref: "#/components/schemas/Own" })).length < 100);
  assert.equal(resolved(own, { $ref: "#/components/schemas/None" }), undefined);
});

test("a target is quoted", () => {
  assert.equal(targetOf(item!, {}), undefined);
  assert.equal(targetOf(item!, { sku: "a/b c" }), "/v1/stock/a%2Fb%20c");
  assert.equal(targetOf(orders!, { limit: "3 4" }), "/v1/orders?limit=3+4");
  assert.equal(targetOf(orders!, {}), "/v1/orders");
});

test("headers are those of the operation, the token's and the body's", () => {
  const headers = headersOf(place!, { "Idempotency-Key": '"k"' }, "Bearer abc", true);
  assert.deepEqual(headers, { Accept: "application/json", "Idempotency-Key": '"k"', Authorization: "Bearer abc", "Content-Type": "application/json" });
  assert.deepEqual(headersOf(orders!, {}, "", false), { Accept: "application/json" });
});
