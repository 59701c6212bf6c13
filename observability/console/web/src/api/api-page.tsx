/** The public API: its routes, what each takes and answers, a call by hand, and what the last calls did. */
import { useState } from "preact/hooks";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { TimeControls, useTimeRange } from "../components/time-range.tsx";
import { href, type Place } from "../router.ts";
import * as gateway from "../stores/gateway.ts";
import { useAnswer } from "../use-answer.ts";
import { Calls } from "./calls.tsx";
import { OperationView } from "./operation-view.tsx";
import { type Operation, operationsOf } from "./operations.ts";
import { TryIt } from "./try-it.tsx";

export function ApiPage({ place }: { place: Place }) {
  const timing = useTimeRange(place), { answer, error } = useAnswer(gateway.description, []);
  const [token, setToken] = useState("");
  const operations = answer ? operationsOf(answer) : [];
  const id = place.query.get("route") ?? operations[0]?.id, operation = operations.find((one) => one.id === id);
  return <>
    <div class="bar">
      <h1>{answer ? `${answer.info.title} API ${answer.info.version}` : "API"}</h1>
      <a href="/api/gateway/openapi.json" target="_blank" rel="noreferrer">openapi.json</a>
      <TimeControls timing={timing} />
    </div>
    <ErrorNote error={error} />
    <div class="api">
      <RouteList operations={operations} current={operation} />
      {answer && operation && <article aria-label={`${operation.method} ${operation.path}`}>
        <Calls key={operation.id} operation={operation} range={timing.range} />
        <TryIt key={`try ${operation.id}`} operation={operation} description={answer} token={token} setToken={setToken} />
        <OperationView operation={operation} description={answer} />
      </article>}
      {answer && !operation && <EmptyNote>The API has no route {id}.</EmptyNote>}
    </div>
  </>;
}

function RouteList({ operations, current }: { operations: readonly Operation[]; current: Operation | undefined }) {
  return <nav class="routes card" aria-label="Routes">
    {operations.map((one) => <a key={one.id} href={href({ route: one.id })} aria-current={one === current ? "page" : undefined}>
      <span class={`method ${one.method.toLowerCase()}`}>{one.method}</span> <code>{one.path}</code>
      <small>{one.summary}{one.token === "required" && " · token"}</small>
    </a>)}
  </nav>;
}
