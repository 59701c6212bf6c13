/** The field of a LogQL query, which completes labels, values and fields. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { brief } from "../text.ts";
import type { Line } from "../stores/loki.ts";
import * as loki from "../stores/loki.ts";
import type { Range } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { complete, type Gap, gapAt, type Known, type Suggestion, suggestions } from "./completion.ts";
import { ALL } from "./logql.ts";

export interface QueryFieldProps {
  query: string;
  range: Range;
  /** Lines whose fields and values can be suggested. */
  lines: readonly Line[];
  run: (query: string) => void;
}

/** Values of a field that are suggested, of the lines seen. */
const VALUES = 100;

export function QueryField({ query, range, lines, run }: QueryFieldProps) {
  const [text, setText] = useState(query);
  const [cursor, setCursor] = useState<number>();
  const [chosen, setChosen] = useState(-1);
  const [isOpen, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null),
    moveTo = useRef<number>();
  useEffect(() => setText(query), [query]);
  const gap = cursor === undefined ? undefined : gapAt(text, cursor);
  const known = useKnown(gap, range, lines, isOpen);
  const offered = useMemo(
    () => (gap && isOpen ? suggestions(gap, text, known) : []),
    [gap?.from, gap?.typed, text, known, isOpen],
  );
  useLayoutEffect(() => {
    if (moveTo.current === undefined) return;
    input.current!.setSelectionRange(moveTo.current, moveTo.current);
    setCursor(moveTo.current);
    moveTo.current = undefined;
  });
  const typed = (): void => {
    setText(input.current!.value);
    setCursor(input.current!.selectionStart ?? undefined);
    setChosen(-1);
    setOpen(true);
  };
  const take = (suggestion: Suggestion): void => {
    const after = complete(text, gap!, suggestion);
    setText(after.query);
    moveTo.current = after.cursor;
    setChosen(-1);
    input.current!.focus();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === " " && event.ctrlKey) typed();
    else if (event.key === "ArrowDown" && offered.length > 0) setChosen((chosen + 1) % offered.length);
    else if (event.key === "ArrowUp" && offered.length > 0) setChosen((chosen - 1 + offered.length) % offered.length);
    else if ((event.key === "Enter" || event.key === "Tab") && offered[chosen]) take(offered[chosen]);
    else if (event.key === "Enter") {
      setOpen(false);
      run(text);
    } else if (event.key === "Escape" && isOpen) setOpen(false);
    else return;
    event.preventDefault();
  };
  return (
    <div class="query-field">
      <input
        ref={input}
        class="code"
        value={text}
        aria-label="LogQL query"
        spellcheck={false}
        autocomplete="off"
        maxLength={8000}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={offered.length > 0}
        aria-controls="suggestions"
        aria-activedescendant={offered[chosen] ? `suggestion-${chosen}` : undefined}
        onInput={typed}
        onKeyDown={press}
        onClick={() => setCursor(input.current!.selectionStart ?? undefined)}
        onBlur={() => setOpen(false)}
      />
      <button onClick={() => run(text)}>Run</button>
      <ul id="suggestions" role="listbox" aria-label="Suggestions" class="popup" hidden={offered.length === 0}>
        {offered.map((suggestion, at) => (
          <li
            key={suggestion.text}
            id={`suggestion-${at}`}
            role="option"
            aria-selected={at === chosen}
            onPointerDown={(event) => {
              event.preventDefault();
              take(suggestion);
            }}
          >
            <code>
              <bdi>{brief(suggestion.text)}</bdi>
            </code>{" "}
            <span class="faint">{suggestion.note}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What can be suggested in a gap; nothing is asked before the list is open. */
function useKnown(gap: Gap | undefined, range: Range, lines: readonly Line[], isOpen: boolean): Known {
  const label = gap?.wanted.kind === "value" ? gap.wanted.label : "",
    field = gap?.wanted.kind === "field-value" ? gap.wanted.field : "";
  const { answer: labels = [] } = useAnswer(
    (signal) => (isOpen ? loki.labels(range, signal) : Promise.resolve([])),
    [isOpen],
  );
  const { answer: names = [] } = useAnswer(
    (signal) => (isOpen ? loki.fieldNames(ALL, range, signal) : Promise.resolve([])),
    [isOpen],
  );
  const { answer: values = [] } = useAnswer(
    (signal) => (label ? loki.labelValues(label, range, signal) : Promise.resolve([])),
    [label],
  );
  return useMemo(() => {
    const seen = new Set(lines.flatMap((line) => Object.keys(line.labels)));
    const fields = [...new Set([...names, ...seen])].filter((name) => !labels.includes(name)).sort();
    const fieldValues = [...new Set(lines.flatMap((line) => line.labels[field] ?? []))].sort().slice(0, VALUES);
    return { labels, values, fields, fieldValues };
  }, [labels, values, names, lines, field]);
}
