/** The fields of a log line. */
import { useState } from "preact/hooks";
import { LongText, Name } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import type { Line } from "../stores/loki.ts";
import { BRIEF } from "../text.ts";
import { fields, traceOf } from "./line.ts";

/** Keep lines with this value of a field, or leave them out. */
export type Filter = (name: string, value: string, way: "for" | "out") => void;

/** Fields that are shown at first. */
const SHOWN = 60;

export function Fields({ line, filter }: { line: Line; filter: Filter | undefined }) {
  const [isWhole, setWhole] = useState(false);
  const all = fields(line),
    shown = isWhole ? all : all.slice(0, SHOWN);
  return (
    <>
      <table class="fields">
        <tbody>
          {shown.map(([name, value]) => (
            <tr key={name}>
              {filter && (
                <td class="filters">
                  <button
                    aria-label={`Only lines with this ${name}`}
                    title="Filter for"
                    onClick={() => filter(name, value, "for")}
                  >
                    +
                  </button>
                  <button
                    aria-label={`Only lines without this ${name}`}
                    title="Filter out"
                    onClick={() => filter(name, value, "out")}
                  >
                    −
                  </button>
                </td>
              )}
              <th scope="row">
                <Name text={name} />
              </th>
              <td>
                <Value name={name} value={value} line={line} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > shown.length && (
        <button class="more" onClick={() => setWhole(true)}>
          {all.length - shown.length} more fields
        </button>
      )}
    </>
  );
}

function Value({ name, value, line }: { name: string; value: string; line: Line }) {
  const found = traceOf(line);
  if (found && name === "trace_id")
    return <a href={href({ path: `/trace/${found.trace}`, keepTime: false })}>{value}</a>;
  if (found?.span && name === "span_id")
    return <a href={href({ path: `/trace/${found.trace}`, keepTime: false, span: found.span })}>{value}</a>;
  return <LongText text={value} first={BRIEF} />;
}
