/** The lines that the same process wrote before and after a line. */
import { useState } from "preact/hooks";
import { ErrorNote } from "../components/notes.tsx";
import type { Line } from "../stores/loki.ts";
import * as loki from "../stores/loki.ts";
import { useAnswer } from "../use-answer.ts";
import { LogLines } from "./log-lines.tsx";
import { selectorOf } from "./logql.ts";

const FEW = 10,
  MANY = 100;

export function LineContext({ line }: { line: Line }) {
  const [count, setCount] = useState(0);
  return (
    <div class="context">
      {count === 0 && <button onClick={() => setCount(FEW)}>Lines before and after</button>}
      {count > 0 && (
        <>
          <Around line={line} count={count} />
          {count < MANY && <button onClick={() => setCount(MANY)}>More lines before and after</button>}
          <button onClick={() => setCount(0)}>Close</button>
        </>
      )}
    </div>
  );
}

function Around({ line, count }: { line: Line; count: number }) {
  const { answer, error, isLoading } = useAnswer(
    (signal) => loki.linesAround(selectorOf(line.labels), line.nanoseconds, count, signal),
    [line.nanoseconds, count],
  );
  if (answer) return <LogLines lines={answer} marked={line} offersContext={false} />;
  return isLoading ? <p class="note">Loading …</p> : <ErrorNote error={error} />;
}
