/** Controls of a dashboard's variables. What is chosen stands in the address as `var-name`. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { go } from "../router.ts";
import { ALL, type Option, type Resolved, withoutAllBeside } from "./variables.ts";

const HIDDEN = 2;
const HIDDEN_LABEL = 1;
/** Options that are listed at a time. */
const MOST_OPTIONS = 500;

export function VariableControls({ resolved }: { resolved: readonly Resolved[] }) {
  return (
    <>
      {resolved
        .filter(({ variable }) => variable.hide !== HIDDEN && variable.type !== "constant")
        .map((one) => (
          <Control key={one.variable.name} resolved={one} />
        ))}
    </>
  );
}

const choose = (name: string, values: readonly string[]): void => go({ [`var-${name}`]: [...values] });

function Control({ resolved }: { resolved: Resolved }) {
  const { variable, error } = resolved,
    label = variable.label || variable.name;
  return (
    <span class="variable" data-variable={variable.name}>
      {variable.type === "textbox" ? (
        <TextControl resolved={resolved} label={label} />
      ) : variable.multi ? (
        <MultiControl resolved={resolved} label={label} />
      ) : (
        <SingleControl resolved={resolved} label={label} />
      )}
      {error && (
        <span class="error" role="alert" title={error.message}>
          ⚠ {label}: {error.message}
        </span>
      )}
    </span>
  );
}

const shownLabel = (resolved: Resolved, label: string) => (
  <span class={resolved.variable.hide === HIDDEN_LABEL ? "unseen" : "faint"}>{label}</span>
);

/** All options; one that is chosen but no option is listed too. */
function listed({ variable, options, chosen }: Resolved): Option[] {
  const missing = chosen
    .filter((value) => value !== ALL && !options.some((option) => option.value === value))
    .map((value) => ({ text: value, value }));
  return [...(variable.includeAll ? [{ text: "All", value: ALL }] : []), ...missing, ...options];
}

function SingleControl({ resolved, label }: { resolved: Resolved; label: string }) {
  const { variable, chosen } = resolved;
  return (
    <label title={variable.description ?? undefined}>
      {shownLabel(resolved, label)}
      <select value={chosen[0] ?? ""} onChange={(event) => choose(variable.name, [event.currentTarget.value])}>
        {chosen.length === 0 && <option value="">none</option>}
        {listed(resolved).map(({ text, value }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function TextControl({ resolved, label }: { resolved: Resolved; label: string }) {
  const [text, set] = useState(resolved.chosen[0] ?? "");
  useEffect(() => set(resolved.chosen[0] ?? ""), [resolved.chosen[0]]);
  const apply = (): void => {
    if (text !== resolved.chosen[0]) choose(resolved.variable.name, [text]);
  };
  return (
    <label>
      {shownLabel(resolved, label)}{" "}
      <input
        value={text}
        spellcheck={false}
        onInput={(event) => set(event.currentTarget.value)}
        onBlur={apply}
        onKeyDown={(event) => {
          if (event.key === "Enter") apply();
        }}
      />
    </label>
  );
}

/** Several values, found by typing; a choice takes effect when the list closes. */
function MultiControl({ resolved, label }: { resolved: Resolved; label: string }) {
  const { variable, chosen, value } = resolved,
    [picked, setPicked] = useState<readonly string[]>(),
    [search, setSearch] = useState(""),
    holder = useRef<HTMLSpanElement>(null),
    id = useId();
  const now = picked ?? chosen,
    isOpen = picked !== undefined;
  const close = (apply: boolean): void => {
    if (apply && picked && picked.join("\n") !== chosen.join("\n"))
      choose(variable.name, picked.length > 0 ? picked : variable.includeAll ? [ALL] : chosen);
    setPicked(undefined);
    setSearch("");
  };
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    if (!isOpen) return undefined;
    const leave = (event: Event): void => {
      if (!holder.current?.contains(event.target as Node)) latest.current(true);
    };
    addEventListener("pointerdown", leave);
    return () => removeEventListener("pointerdown", leave);
  }, [isOpen]);
  const turn = (option: string): void =>
    setPicked(
      now.includes(option)
        ? now.filter((one) => one !== option)
        : option === ALL
          ? [ALL]
          : withoutAllBeside([...now, option]),
    );
  const options = listed(resolved).filter(({ text }) => text.toLowerCase().includes(search.toLowerCase()));
  return (
    <span
      class="multi"
      ref={holder}
      onKeyDown={(event) => {
        if (event.key === "Escape" && isOpen) {
          event.stopPropagation();
          close(false);
        } else if (event.key === "Enter" && isOpen && event.target instanceof HTMLInputElement) close(true);
      }}
    >
      {shownLabel(resolved, label)}
      <button
        aria-label={`${label}: ${value.texts.join(", ")}`}
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => (isOpen ? close(true) : setPicked(chosen))}
      >
        {value.texts.slice(0, 3).join(" + ")}
        {value.texts.length > 3 ? ` + ${value.texts.length - 3} more` : ""} ▾
      </button>
      {isOpen && (
        <div class="popup" id={id}>
          <input
            type="search"
            aria-label={`Find in ${label}`}
            placeholder="Find"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
            ref={(input) => {
              if (input && document.activeElement?.tagName !== "INPUT") input.focus();
            }}
          />
          <div class="options" role="group" aria-label={label}>
            {options.slice(0, MOST_OPTIONS).map(({ text, value: option }) => (
              <label key={option}>
                <input type="checkbox" checked={now.includes(option)} onChange={() => turn(option)} /> {text}
              </label>
            ))}
          </div>
          <button onClick={() => close(true)}>Apply</button>
        </div>
      )}
    </span>
  );
}
