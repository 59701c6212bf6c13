/** What an operation takes and answers, as its OpenAPI document says. */
import { type Description, type ParameterObject, type Schema } from "../stores/gateway.ts";
import { type Operation, resolved } from "./operations.ts";

interface Props { operation: Operation; description: Description }

export function OperationView({ operation, description }: Props) {
  const { token, scopes, parameters, body, responses } = operation;
  return <section class="card" aria-label="Description">
    <h2>Description</h2>
    <p>{tokenWords(token, scopes)}</p>
    {parameters.length > 0 && <ParameterTable parameters={parameters} />}
    {body && <Part title={`Body: ${body.media}`} schema={resolved(description, body.schema)} example={body.example} isOpen />}
    <h3>Answers</h3>
    {responses.map(({ status, description: words, media, schema, example }) =>
      <Part key={status} title={`${status} ${words}`} detail={media} schema={resolved(description, schema)} example={example} />)}
  </section>;
}

function tokenWords(token: Operation["token"], scopes: readonly string[]): string {
  if (token === "none") return "Needs no token.";
  const allowing = scopes.length > 0 ? ` that allows ${scopes.join(", ")}` : "";
  return `${token === "required" ? "Needs" : "Takes"} an access token${allowing}.`;
}

function ParameterTable({ parameters }: { parameters: readonly ParameterObject[] }) {
  return <div class="scrolling" tabIndex={0} role="group" aria-label="Parameters"><table class="rows">
    <thead><tr><th>Parameter</th><th>Where</th><th>What</th></tr></thead>
    <tbody>{parameters.map(({ name, in: place, required, description, schema }) => <tr key={`${place} ${name}`}>
      <th scope="row"><code>{name}</code></th>
      <td>{place}{required && ", required"}</td>
      <td>{description}{" "}{schema && <code class="faint">{JSON.stringify(schema)}</code>}</td>
    </tr>)}</tbody>
  </table></div>;
}

interface PartProps { title: string; detail?: string | undefined; schema: Schema | undefined; example: unknown; isOpen?: boolean }

function Part({ title, detail, schema, example, isOpen = false }: PartProps) {
  if (schema === undefined && example === undefined) return <p class="plain">{title}</p>;
  return <details open={isOpen}>
    <summary>{title} {detail && <span class="faint">{detail}</span>}</summary>
    {example !== undefined && <><h3 class="minor">Example</h3><pre class="schema" tabIndex={0}>{JSON.stringify(example, null, 2)}</pre></>}
    {schema !== undefined && <><h3 class="minor">Schema</h3><pre class="schema" tabIndex={0}>{JSON.stringify(schema, null, 2)}</pre></>}
  </details>;
}
