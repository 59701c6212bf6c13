/** What a span says of itself. */
import { Name } from "../components/untrusted.tsx";
import { LogLines } from "../logs/log-lines.tsx";
import { quoted } from "../logs/logql.ts";
import { href } from "../router.ts";
import type { Line } from "../stores/loki.ts";
import { stamp } from "../time.ts";
import { Tags } from "./tags.tsx";
import { offset, took } from "./took.ts";
import type { Linked, LinkedSpan } from "./linked.ts";
import { endOf, type Span, type Trace } from "./trace.ts";
import { bounded, showView } from "./view.ts";

const AROUND = 5 * 60_000;
const MAX_LINKS = 100;

export interface SpanDetailsProps {
  span: Span;
  trace: Trace;
  self: number;
  lines: readonly Line[];
  linked: Linked;
}

export function SpanDetails({ span, trace, self, lines, linked }: SpanDetailsProps) {
  return (
    <div class="span-details">
      <Facts span={span} trace={trace} self={self} />
      {span.warnings.map((warning) => (
        <p key={warning} class="warning">
          <Name text={warning} limit={1000} />
        </p>
      ))}
      {lines.length > 0 && (
        <section>
          <h3>Log lines</h3>
          <LogLines lines={lines} showService={false} />
        </section>
      )}
      <Events span={span} trace={trace} />
      <Links title="Links to" links={span.links.map((link) => linked.to.get(link.span) ?? link)} />
      <Links title="Linked from" links={linked.from.get(span.id) ?? []} />
      <div class="tag-tables">
        <Tags title="Span" tags={span.tags} />
        <Tags title="Process" tags={span.process} />
      </div>
    </div>
  );
}

function Facts({ span, trace, self }: { span: Span; trace: Trace; self: number }) {
  const around = { from: Math.floor(span.start / 1e3 - AROUND), to: Math.ceil(endOf(span) / 1e3 + AROUND) };
  const zoom = (): void => {
    const margin = span.duration * 0.05;
    showView(
      bounded({
        from: (span.start - margin - trace.start) / trace.duration,
        to: (endOf(span) + margin - trace.start) / trace.duration,
      }),
    );
  };
  return (
    <p class="span-facts">
      <span>{span.kind}</span>
      <span>
        span <code>{span.id}</code>
      </span>
      {span.parentId !== undefined && (
        <span>
          parent <code>{span.parentId}</code>
          {span.parent === undefined && <b class="warning"> is missing</b>}
        </span>
      )}
      <span>
        at {offset(span.start - trace.start)} ({stamp(span.start / 1e3)})
      </span>
      <span>took {took(span.duration)}</span>
      <span>of it itself {took(self)}</span>
      <button onClick={zoom}>Zoom to it</button>
      <a href={href({ path: "/d/nextphase-service", keepTime: false, "var-service": span.service, ...around })}>
        Dashboard
      </a>
      <a href={href({ path: "/logs", keepTime: false, query: `{service_name=${quoted(span.service)}}`, ...around })}>
        Logs of the service
      </a>
    </p>
  );
}

function Events({ span, trace }: { span: Span; trace: Trace }) {
  if (span.events.length === 0) return null;
  return (
    <section>
      <h3>Events</h3>
      {span.events.map((event, at) => (
        <details key={at} open={span.events.length < 5}>
          <summary>
            <Name text={event.name} /> at {offset(event.at - trace.start)}
          </summary>
          <Tags title="Fields" tags={event.fields} />
        </details>
      ))}
    </section>
  );
}

function Links({ title, links }: { title: string; links: readonly LinkedSpan[] }) {
  if (links.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul class="links">
        {links.slice(0, MAX_LINKS).map((link) => (
          <li key={`${link.trace} ${link.span}`}>
            <LinkedName link={link} /> in trace{" "}
            <code>
              <Name text={link.trace} />
            </code>
          </li>
        ))}
      </ul>
      {links.length > MAX_LINKS && <p class="faint">{links.length - MAX_LINKS} more</p>}
    </section>
  );
}

function LinkedName({ link: { trace, span, service, name } }: { link: LinkedSpan }) {
  const text = service === undefined ? `span ${span}` : `${service} ${name}`;
  if (!/^[0-9a-f]{32}$/.test(trace)) return <Name text={text} />;
  return (
    <a href={href({ path: `/trace/${trace}`, keepTime: false, span })}>
      <Name text={text} />
    </a>
  );
}
