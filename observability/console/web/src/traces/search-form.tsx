/** The fields of a search for traces. */
import { useEffect, useState } from "preact/hooks";
import { follow, go } from "../router.ts";
import * as jaeger from "../stores/jaeger.ts";
import { useAnswer } from "../use-answer.ts";
import { ANY, durationFault, LIMITS, type Search, tagsFault } from "./search.ts";

export function SearchForm({ search, services }: { search: Search; services: readonly string[] }) {
  const { answer: operations = [] } = useAnswer(
    (signal) => (search.service ? jaeger.operations(search.service, signal) : Promise.resolve([])),
    [search.service],
  );
  return (
    <div class="search-form" role="search">
      <label>
        Service{" "}
        <select
          value={search.service || ANY}
          onChange={(event) => go({ service: event.currentTarget.value, operation: undefined })}
        >
          <option value={ANY}>any</option>
          {withValue(services, search.service).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Operation{" "}
        <select
          value={search.operation}
          disabled={search.service === ""}
          onChange={(event) => go({ operation: event.currentTarget.value })}
        >
          <option value="">any</option>
          {withValue(operations, search.operation).map((name) => (
            <option key={name} value={name}>
              {name.slice(0, 120)}
            </option>
          ))}
        </select>
      </label>
      <Field
        title="Tags"
        name="tags"
        value={search.tags}
        hint="http.response.status_code=404"
        fault={tagsFault}
        isWide
      />
      <Field title="Longer than" name="least" value={search.least} hint="100ms" fault={durationFault} />
      <Field title="Shorter than" name="most" value={search.most} hint="2s" fault={durationFault} />
      <label class="check">
        <input
          type="checkbox"
          checked={search.failed}
          onChange={() => go({ failed: search.failed ? undefined : "true" })}
        />{" "}
        failed only
      </label>
      <label>
        Limit{" "}
        <select value={String(search.limit)} onChange={(event) => go({ limit: event.currentTarget.value })}>
          {LIMITS.map((limit) => (
            <option key={limit}>{limit}</option>
          ))}
        </select>
      </label>
    </div>
  );
}

const withValue = (names: readonly string[], value: string): string[] => [
  ...new Set([...names, value].filter((name) => name !== "")),
];

interface FieldProps {
  title: string;
  name: string;
  value: string;
  hint: string;
  fault: (text: string) => string | undefined;
  isWide?: boolean;
}

/** A text that takes effect on Enter or when it is left, unless it is wrong. */
function Field({ title, name, value, hint, fault, isWide = false }: FieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const wrong = fault(text);
  const apply = (): void => {
    if (wrong === undefined && text !== value) go({ [name]: text.trim() });
  };
  return (
    <label class={isWide ? "wide" : ""}>
      {title}{" "}
      <input
        value={text}
        placeholder={hint}
        spellcheck={false}
        aria-invalid={wrong !== undefined}
        aria-describedby={wrong ? `fault-${name}` : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={apply}
        onKeyDown={(event) => {
          if (event.key === "Enter") apply();
        }}
      />
      {wrong && (
        <small id={`fault-${name}`} class="bad" role="alert">
          {wrong}
        </small>
      )}
    </label>
  );
}

/** Goes to the trace of an id. */
export function TraceIdForm() {
  const [id, setId] = useState("");
  const trimmed = id.trim().toLowerCase();
  const isRight = /^[0-9a-f]{32}$/.test(trimmed);
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRight) follow(`/trace/${trimmed}`);
      }}
    >
      <input
        aria-label="Trace id"
        placeholder="trace id"
        value={id}
        spellcheck={false}
        onInput={(event) => setId(event.currentTarget.value)}
      />
      <button type="submit" disabled={!isRight}>
        Open
      </button>
    </form>
  );
}
