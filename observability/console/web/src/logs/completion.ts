/** What a LogQL query can go on with at the cursor. */
import { quoted } from "./logql.ts";

export type Wanted =
  { kind: "label" } | { kind: "value"; label: string } | { kind: "stage" } | { kind: "field-value"; field: string };

/** A place in a query that something can be put in. */
export interface Gap {
  wanted: Wanted;
  /** What the suggestion replaces. */
  from: number;
  to: number;
  /** What has been typed of it. */
  typed: string;
}

export interface Suggestion {
  /** What is shown. */
  text: string;
  /** What is put in, and where the cursor is then, from its start. */
  insert: string;
  cursor: number;
  note: string;
}

const STAGES: readonly [text: string, note: string][] = [
  ['|= ""', "lines with a text"],
  ['!= ""', "lines without a text"],
  ['|~ ""', "lines that match a regular expression"],
  ["| json", "fields of a JSON line"],
  ["| logfmt", "fields of key=value pairs"],
  ['| line_format ""', "write lines anew"],
  ["| keep ", "only some fields"],
  ["| drop ", "without some fields"],
];

/** What is wanted at a place of a query; undefined where nothing can be told. */
export function gapAt(query: string, cursor: number): Gap | undefined {
  const before = query.slice(0, cursor);
  const open = openString(before);
  const head = open === undefined ? before : before.slice(0, open);
  const isInside = lastOutside(head, "{") > lastOutside(head, "}");
  if (open !== undefined) return stringGap(query, cursor, open, head, isInside);
  const typed = /[A-Za-z_]\w*$/.exec(before)?.[0] ?? "";
  const from = cursor - typed.length,
    to = cursor + (/^\w*/.exec(query.slice(cursor))?.[0].length ?? 0);
  const rest = before.slice(0, from);
  if (isInside) return /[{,]\s*$/.test(rest) ? { wanted: { kind: "label" }, from, to, typed } : undefined;
  const bar = /\|\s*$/.exec(rest);
  if (bar) return { wanted: { kind: "stage" }, from: bar.index, to, typed };
  return typed === "" && /[}"`\w)]\s+$/.test(before)
    ? { wanted: { kind: "stage" }, from: cursor, to: cursor, typed: "" }
    : undefined;
}

/** Where the string begins that is not closed; undefined where all are. */
function openString(text: string): number | undefined {
  let at = 0;
  while (at < text.length) {
    const quote = text[at];
    if (quote !== '"' && quote !== "`") {
      at++;
      continue;
    }
    const start = at++;
    while (at < text.length && text[at] !== quote) at += quote === '"' && text[at] === "\\" ? 2 : 1;
    if (at >= text.length) return start;
    at++;
  }
  return undefined;
}

/** The last place of a character that is in no string. */
function lastOutside(text: string, wanted: string): number {
  const blank = text.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, (found) => " ".repeat(found.length));
  return blank.lastIndexOf(wanted);
}

function stringGap(query: string, cursor: number, open: number, head: string, isInside: boolean): Gap | undefined {
  const name = /([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*$/.exec(head)?.[1];
  const isFilter = isInside || /\|\s*[A-Za-z_]\w*\s*(?:=~|!~|!=|=)\s*$/.test(head);
  if (name === undefined || !isFilter) return undefined;
  const end = query.indexOf(query[open]!, cursor);
  const inBetween = end < 0 ? "" : query.slice(cursor, end);
  // A quote far away belongs to another string.
  const to = end < 0 || /[{},|]/.test(inBetween) ? cursor : end;
  const wanted: Wanted = isInside ? { kind: "value", label: name } : { kind: "field-value", field: name };
  return { wanted, from: open + 1, to, typed: query.slice(open + 1, cursor) };
}

export interface Known {
  labels: readonly string[];
  values: readonly string[];
  fields: readonly string[];
  fieldValues: readonly string[];
}

const MOST = 50;

/** What can stand in a gap, what begins with what has been typed first. */
export function suggestions(gap: Gap, query: string, known: Known): Suggestion[] {
  const typed = gap.typed.toLowerCase();
  const fitting = all(gap, query, known).filter(({ text }) => text.toLowerCase().includes(typed));
  const begins = (one: Suggestion): number => (one.text.toLowerCase().replace(/^\| /, "").startsWith(typed) ? 0 : 1);
  return fitting.sort((a, b) => begins(a) - begins(b)).slice(0, MOST);
}

function all({ wanted, to }: Gap, query: string, known: Known): Suggestion[] {
  const hasQuote = /^["`]/.test(query.slice(to));
  const inString = (value: string): Suggestion => {
    const escaped = quoted(value).slice(1, -1);
    return { text: value, insert: hasQuote ? escaped : `${escaped}"`, cursor: escaped.length + 1, note: "" };
  };
  switch (wanted.kind) {
    case "label":
      return known.labels.map((name) => ({ text: name, insert: `${name}="`, cursor: name.length + 2, note: "label" }));
    case "value":
      return known.values.map(inString);
    case "field-value":
      return known.fieldValues.map(inString);
    case "stage":
      return [
        ...STAGES.map(([text, note]) => ({
          text,
          insert: text,
          cursor: text.endsWith('""') ? text.length - 1 : text.length,
          note,
        })),
        ...known.fields.map((name) => ({
          text: `| ${name}`,
          insert: `| ${name}="`,
          cursor: name.length + 4,
          note: "field",
        })),
      ];
  }
}

/** The query with a suggestion put in, and where the cursor is then. */
export function complete(query: string, gap: Gap, { insert, cursor }: Suggestion): { query: string; cursor: number } {
  return { query: query.slice(0, gap.from) + insert + query.slice(gap.to), cursor: gap.from + cursor };
}
