import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, gapAt, type Known, suggestions } from "./completion.ts";

const known: Known = {
  labels: ["service_name", "service_instance_id"],
  values: ["orders", "rio", 'a"b'],
  fields: ["status", "method"],
  fieldValues: ["202", "404"],
};

/** The cursor is where `^` stands. */
function at(text: string) {
  const cursor = text.indexOf("^"),
    query = text.replace("^", "");
  return { query, cursor, gap: gapAt(query, cursor) };
}

function completed(text: string, suggestion: string): string {
  const { query, gap } = at(text);
  const found = suggestions(gap!, query, known).find((one) => one.text === suggestion);
  const after = complete(query, gap!, found!);
  return `${after.query.slice(0, after.cursor)}^${after.query.slice(after.cursor)}`;
}

test("labels are wanted behind a brace or a comma", () => {
  assert.deepEqual(at("{^").gap!.wanted, { kind: "label" });
  assert.deepEqual(at('{service_name="rio", serv^').gap!.typed, "serv");
  assert.equal(at('{service_name="rio" ^').gap, undefined);
  assert.equal(completed("{serv^}", "service_name"), '{service_name="^}');
});

test("values are wanted in the string behind a label", () => {
  assert.deepEqual(at('{service_name="^').gap!.wanted, { kind: "value", label: "service_name" });
  assert.deepEqual(at('{service_name=~"or^"}').gap!.wanted, { kind: "value", label: "service_name" });
  assert.equal(completed('{service_name="or^', "orders"), '{service_name="orders"^');
  assert.equal(completed('{service_name="or^x"}', "orders"), '{service_name="orders"^}');
  assert.equal(completed('{service_name="^', 'a"b'), '{service_name="a\\"b"^');
});

test("stages and fields are wanted behind a bar", () => {
  assert.equal(completed('{a="b"} | st^', "| status"), '{a="b"} | status="^');
  assert.equal(completed('{a="b"} ^', '|= ""'), '{a="b"} |= "^"');
  assert.equal(completed('{a="b"} | lo^', "| logfmt"), '{a="b"} | logfmt^');
});

test("values of fields are wanted in filters of fields, texts of lines are not", () => {
  assert.deepEqual(at('{a="b"} | status="^"').gap!.wanted, { kind: "field-value", field: "status" });
  assert.equal(completed('{a="b"} | status!="4^"', "404"), '{a="b"} | status!="404"^');
  assert.equal(at('{a="b"} |= "^"').gap, undefined);
});

test("braces and quotes in strings mislead nothing", () => {
  assert.deepEqual(at('{a="}", serv^').gap!.wanted, { kind: "label" });
  assert.deepEqual(at('{a="\\"", b="^').gap!.wanted, { kind: "value", label: "b" });
  assert.deepEqual(at('{a="x"} |= `{` | ^').gap!.wanted, { kind: "stage" });
});

test("what begins as typed comes first, and there is a bound", () => {
  const many: Known = {
    ...known,
    labels: [...Array.from({ length: 200 }, (_, n) => `x_service_${n}`), "service_name"],
  };
  const found = suggestions(at("{service^").gap!, "{service", many);
  assert.equal(found.length, 50);
  assert.equal(found[0]!.text, "service_name");
});
