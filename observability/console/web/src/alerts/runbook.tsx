/** What the runbook says of an alert. */
import { useState } from "preact/hooks";
import { ErrorNote } from "../components/notes.tsx";
import { section } from "../stores/runbook.ts";
import { useAnswer } from "../use-answer.ts";
import { anchorOf, blocks, type Inline, inlines, whatToDo } from "./markdown.ts";

/** The section that an alert's `runbook` annotation names. Sections that it leads to are opened below it. */
export function Runbook({ runbook }: { runbook: string | undefined }) {
  const anchor = anchorOf(runbook);
  if (!anchor) return <p class="faint">{runbook ? `Runbook: ${runbook}` : "Its rule names no section of the runbook."}</p>;
  return <RunbookSection key={anchor} anchor={anchor} source={runbook!} />;
}

function RunbookSection({ anchor, source }: { anchor: string; source: string }) {
  const { answer, error } = useAnswer((signal) => section(anchor, signal), [anchor]), [next, setNext] = useState<string>();
  const document = source.split("#")[0]!;
  return <div class="runbook-section">
    <ErrorNote error={error} />
    {answer && <>
      {blocks(answer.text).map((block, index) => block.kind === "code"
        ? <pre key={index}>{block.text}</pre>
        : <p key={index}><Inlines parts={block.inlines} open={setNext} /></p>)}
      <p class="faint"><code>{source}</code></p>
    </>}
    {next && <RunbookSection key={next} anchor={next} source={`${document}#${next}`} />}
  </div>;
}

/** What to do, in a line or two, for pages with little room. */
export function WhatToDo({ runbook }: { runbook: string | undefined }) {
  const anchor = anchorOf(runbook) ?? "";
  const { answer, error } = useAnswer(async (signal) => anchor ? await section(anchor, signal) : undefined, [anchor]);
  if (error) return <span class="faint">{runbook} cannot be read here</span>;
  return answer ? <Inlines parts={inlines(whatToDo(answer.text))} /> : null;
}

/** Sections of the same document are opened by `open`; where they lead elsewhere, or there is no `open`, links are text. */
function Inlines({ parts, open }: { parts: readonly Inline[]; open?: (anchor: string) => void }) {
  return <>{parts.map((part, index) => {
    if (part.kind === "code") return <code key={index}>{part.text}</code>;
    if (part.kind === "text") return <span key={index}>{part.text}</span>;
    const anchor = /^#([a-z0-9][a-z0-9_-]*)$/.exec(part.target)?.[1];
    return open && anchor ? <button key={index} class="text-link" onClick={() => open(anchor)}>{part.text}</button> : <span key={index} title={part.target}>{part.text}</span>;
  })}</>;
}
