import assert from "node:assert/strict";
import test from "node:test";
import { dateTime } from "../time.ts";
import { csv } from "./csv.ts";
import type { Frame } from "./frames.ts";

const series = (title: string, values: (number | null)[]): Frame => ({
  refId: "A",
  fields: [
    { name: "Time", kind: "time", labels: {}, values: [0, 1000] },
    { name: "Value", kind: "number", labels: {}, values, title },
  ],
});

test("series stand side by side, quoted where needed", () => {
  assert.equal(
    csv([series('a, "b"', [1, null]), series("c", [2.5, 3])]),
    `Time,"a, ""b""",c\r\n${dateTime(0)},1,2.5\r\n${dateTime(1000)},,3\r\n`,
  );
});

test("formulas of a spreadsheet become text", () => {
  assert.equal(
    csv([
      {
        refId: "A",
        fields: [
          { name: "x", kind: "string", labels: {}, values: ["=1+1", "a"] },
          { name: "n", kind: "number", labels: {}, values: [-1, 2] },
        ],
      },
    ]),
    "x,n\r\n'=1+1,-1\r\na,2\r\n",
  );
});
