/** Traces that a search finds. */
import { useMemo } from "preact/hooks";
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { TimeControls, useTimeRange } from "../components/time-range.tsx";
import { go, href, type Place } from "../router.ts";
import * as jaeger from "../stores/jaeger.ts";
import { useAnswer } from "../use-answer.ts";
import { FoundTraces } from "./found-traces.tsx";
import { Scatter } from "./scatter.tsx";
import { find, type Order, ORDERS, searchOf, sorted } from "./search.ts";
import { SearchForm, TraceIdForm } from "./search-form.tsx";

export function SearchPage({ place }: { place: Place }) {
  const timing = useTimeRange(place, { from: "now-1h", to: "now" }, "off");
  const { range } = timing;
  const search = searchOf(place.query),
    order = orderOf(place.query.get("order"));
  const { answer: services = [], error: servicesError } = useAnswer(jaeger.services, []);
  const isAny = search.service === "";
  const { answer, error, isLoading } = useAnswer(
    (signal) => find(search, services, range, signal),
    [JSON.stringify(search), range.from, range.to, isAny && services.join()],
  );
  const traces = useMemo(() => sorted(answer ?? [], order), [answer, order]);
  const isLogarithmic = place.query.get("scale") === "log";
  return (
    <>
      <header class="bar">
        <h1>Traces</h1>
        <TraceIdForm />
        <TimeControls timing={timing} />
      </header>
      <SearchForm search={search} services={services} />
      <ErrorNote error={error ?? servicesError} />
      {traces.length > 0 && <Scatter traces={traces} range={range} isLogarithmic={isLogarithmic} />}
      <div class="bar found-bar">
        <span role="status" class="faint">
          {isLoading && !answer
            ? "Searching …"
            : answer && `${answer.length} traces${answer.length >= search.limit ? ", the limit" : ""}`}
        </span>
        <label>
          Order{" "}
          <select value={order} onChange={(event) => go({ order: event.currentTarget.value })}>
            {ORDERS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={isLogarithmic}
            onChange={() => go({ scale: isLogarithmic ? undefined : "log" }, { replace: true })}
          />{" "}
          logarithmic
        </label>
        <Compare picked={place.query.getAll("pick")} />
      </div>
      {traces.length > 0 && <FoundTraces traces={traces} picked={place.query.getAll("pick")} />}
      {answer?.length === 0 && !isLoading && !error && (
        <EmptyNote>No traces of this search in this time. Spans are kept for some hours.</EmptyNote>
      )}
    </>
  );
}

const orderOf = (text: string | null): Order => ORDERS.find((order) => order === text) ?? "newest";

function Compare({ picked }: { picked: readonly string[] }) {
  const [left, right] = picked;
  if (left === undefined) return null;
  if (right === undefined) return <span class="faint">choose another trace to compare with</span>;
  return (
    <a class="button" href={href({ path: "/compare", keepTime: false, left, right })}>
      Compare the two
    </a>
  );
}
