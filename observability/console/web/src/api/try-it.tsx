/** A call by hand. The token stays in the page's memory; methods that change something need operate mode. */
import { useState } from "preact/hooks";
import { ErrorNote } from "../components/notes.tsx";
import { ActionButton } from "../operate/action-button.tsx";
import { useSession } from "../operate/session.ts";
import * as gateway from "../stores/gateway.ts";
import { useCommand } from "../use-command.ts";
import { exampleOf, type Given, headersOf, type Operation, targetOf } from "./operations.ts";
import { ReplyView } from "./reply.tsx";

interface Props { operation: Operation; description: gateway.Description; token: string; setToken: (token: string) => void }

export function TryIt({ operation, description, token, setToken }: Props) {
  const { method, body, parameters, isSafe } = operation;
  const [given, setGiven] = useState<Given>({}), [text, setText] = useState(() => beginning(operation, description));
  const [reply, setReply] = useState<gateway.Reply>(), [error, setError] = useState<Error>(), [isCalling, setCalling] = useState(false);
  const target = targetOf(operation, given), hasBody = body !== undefined && text !== "";
  const call = async (): Promise<gateway.Reply> => {
    const answered = await gateway.call({ method, path: target!, headers: headersOf(operation, given, token, hasBody), body: hasBody ? text : "" });
    setReply(answered);
    return answered;
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!isSafe || target === undefined) return;
    setCalling(true);
    setError(undefined);
    call().catch(setError).finally(() => setCalling(false));
  };
  return <section class="card" aria-label="Try it">
    <h2>Try it</h2>
    <form class="try" onSubmit={submit}>
      {parameters.map(({ name, in: place, required }) => <label key={`${place} ${name}`} class="field">
        <span><code>{name}</code>{(required || place === "path") && <span class="faint"> required</span>}</span>
        <input value={given[name] ?? ""} spellcheck={false} onInput={(event) => setGiven({ ...given, [name]: event.currentTarget.value })} />
      </label>)}
      {operation.token !== "none" && <TokenField token={token} setToken={setToken} />}
      {body && <label class="field"><span>Body <span class="faint">{body.media}</span></span>
        <textarea rows={Math.min(16, text.split("\n").length + 1)} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>}
      <div class="bar">
        {isSafe
          ? <button type="submit" disabled={target === undefined || isCalling}>Send {method}</button>
          : <UnsafeButton operation={operation} target={target} call={call} />}
        <code class="faint">{target ?? operation.path}</code>
      </div>
    </form>
    <ErrorNote error={error} />
    {reply && <ReplyView reply={reply} />}
  </section>;
}

function beginning({ body }: Operation, description: gateway.Description): string {
  if (!body) return "";
  const example = body.example ?? exampleOf(description, body.schema);
  return example === null ? "" : JSON.stringify(example, null, 2);
}

function TokenField({ token, setToken }: { token: string; setToken: (token: string) => void }) {
  const command = useCommand("token --subject ACCOUNT");
  return <label class="field">
    <span>Token</span>
    <input type="password" autocomplete="off" value={token} placeholder={command} onInput={(event) => setToken(event.currentTarget.value.trim())} />
  </label>;
}

interface UnsafeProps { operation: Operation; target: string | undefined; call: () => Promise<gateway.Reply> }

function UnsafeButton({ operation: { method }, target, call }: UnsafeProps) {
  const { open } = useSession();
  const run = async (): Promise<string> => `${method} ${target} was answered ${(await call()).status}`;
  if (!open) return <span><button type="button" disabled>Send {method}</button> <span class="faint">changes something: in <a href="/operate">operate mode</a> only</span></span>;
  if (target === undefined) return <button type="button" disabled>Send {method}</button>;
  return <ActionButton label={`Send ${method}`} question={`Send ${method} ${target}?`} run={run}>
    <p>The public API does what it is asked for, as for any caller. It may not be possible to undo it.</p>
  </ActionButton>;
}
