/** A panel looked into: its data, its queries, its JSON. */
import { useEffect, useRef } from "preact/hooks";
import { go } from "../router.ts";
import { dateTime } from "../time.ts";
import { type Asked, describe } from "./ask.ts";
import { csv, isTime, rowsOf } from "./csv.ts";
import { shownFields, shownText } from "./fields.ts";
import type { Cell } from "./frames.ts";
import type { Scope } from "./interpolation.ts";
import type { Panel } from "./json.ts";
import { exemplarMark } from "./panels/time-series-panel.tsx";
import type { PanelState } from "./use-panel-data.ts";
import { useView } from "./view.ts";

const TABS = ["data", "query", "json"] as const;
type Tab = (typeof TABS)[number];
const MOST_ROWS = 500;

interface InspectProps {
  panel: Panel;
  title: string;
  state: PanelState;
  scope: Scope;
}

export function Inspect({ panel, title, state, scope }: InspectProps) {
  const { place } = useView(),
    dialogue = useRef<HTMLDialogElement>(null),
    asked = place.query.get("inspectTab") as Tab | null,
    tab = asked && TABS.includes(asked) ? asked : "data";
  const close = (): void => go({ inspect: undefined, inspectTab: undefined });
  useEffect(() => {
    if (!dialogue.current!.open) dialogue.current!.showModal();
  }, []);
  return (
    <dialog
      ref={dialogue}
      class="inspect"
      aria-label={`Inspect: ${title}`}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div class="inspect-body">
        <header>
          <h2>{title || panel.type}</h2>
          <button aria-label="Close" onClick={close}>
            ×
          </button>
        </header>
        <div class="inspect-tabs" role="tablist">
          {TABS.map((name) => (
            <button
              key={name}
              role="tab"
              aria-selected={tab === name}
              onClick={() => go({ inspectTab: name }, { replace: true })}
            >
              {{ data: "Data", query: "Query", json: "JSON" }[name]}
            </button>
          ))}
        </div>
        <div role="tabpanel" class="tab" tabIndex={0}>
          {tab === "data" && <DataTab panel={panel} title={title} state={state} scope={scope} />}
          {tab === "query" && <QueryTab state={state} />}
          {tab === "json" && <pre>{JSON.stringify(panel, null, 2)}</pre>}
        </div>
      </div>
    </dialog>
  );
}

function DataTab({ panel, title, state: { data }, scope }: InspectProps) {
  if (!data) return <p class="note">There is no answer yet.</p>;
  if (data.lines.length > 0)
    return (
      <LinesTab
        lines={data.lines.map(({ at, text }) => [dateTime(at), text])}
        title={title}
        csvText={[
          "Time,Line",
          ...data.lines.map(({ nanoseconds, text }) => `${nanoseconds},"${text.replace(/"/g, '""')}"`),
        ].join("\r\n")}
      />
    );
  const { names, rows } = rowsOf(data.frames),
    times = names.map((name) => isTime(data.frames, name)),
    fields = shownFields(panel, data.frames, scope, []);
  const write = (cell: Cell, index: number): string => {
    if (times[index] && typeof cell === "number") return dateTime(cell);
    const field = fields.find(
      ({ name, field: own }) => (own.title ?? own.name) === names[index] || name === names[index],
    );
    return cell === null ? "" : field ? shownText(field.display(cell)) : String(cell);
  };
  const shown = data.range ? [...rows].reverse().slice(0, MOST_ROWS) : rows;
  return (
    <>
      <p>
        <Download title={title} text={csv(data.frames)} />{" "}
        <span class="faint">
          {rows.length} rows, {names.length} columns
          {rows.length > MOST_ROWS ? `; ${MOST_ROWS} are shown, the newest first` : ""}
        </span>
      </p>
      <table class="data-rows">
        <thead>
          <tr>
            {names.map((name, index) => (
              <th key={index}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} class={typeof cell === "number" ? "number" : ""} data-value={cell ?? ""}>
                  {write(cell, column)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {data.exemplars.length > 0 && (
        <>
          <h3>Exemplars</h3>
          <ul>
            {data.exemplars
              .slice(0, 200)
              .map(
                exemplarMark(
                  (value) => fields.find(({ field }) => field.kind === "number")?.format(value) ?? String(value),
                ),
              )
              .map((mark, index) => (
                <li key={index}>
                  {dateTime(mark.at)} {mark.title.replace("Exemplar: ", "")}{" "}
                  {mark.link ? <a href={mark.link.href}>{mark.link.title}</a> : ""}
                </li>
              ))}
          </ul>
        </>
      )}
    </>
  );
}

function LinesTab({ lines, title, csvText }: { lines: string[][]; title: string; csvText: string }) {
  return (
    <>
      <p>
        <Download title={title} text={csvText} /> <span class="faint">{lines.length} lines</span>
      </p>
      <table class="data-rows">
        <tbody>
          {lines.slice(0, MOST_ROWS).map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Download({ title, text }: { title: string; text: string }) {
  const save = (): void => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" })),
      link = document.createElement("a");
    link.href = address;
    link.download = `${title.replace(/[^\w-]+/g, "-").toLowerCase() || "panel"}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return <button onClick={save}>Download CSV</button>;
}

function QueryTab({ state: { data, questions, error } }: { state: PanelState }) {
  const told = (refId: string): Asked | undefined => data?.asked.find(({ question }) => question.refId === refId);
  return (
    <>
      {error && <p class="error">{error.message}</p>}
      {questions.map((question) => {
        const asked = told(question.refId);
        return (
          <section key={question.refId}>
            <h3>{question.refId}</h3>
            <pre class="query">{question.expression}</pre>
            {question.expression !== question.target.expr && (
              <p class="faint">
                in the dashboard: <code>{question.target.expr}</code>
              </p>
            )}
            <p class="faint">
              {describe(question)}
              {asked
                ? `; ${asked.count} ${question.kind === "lines" ? "lines" : "series"} in ${Math.round(asked.milliseconds)} ms`
                : ""}
            </p>
            {question.source === "loki" && question.kind === "lines" && (
              <p>
                <a
                  href={`/logs?query=${encodeURIComponent(question.expression)}&from=${question.range.from}&to=${question.range.to}`}
                >
                  Open in Logs
                </a>
              </p>
            )}
          </section>
        );
      })}
    </>
  );
}
