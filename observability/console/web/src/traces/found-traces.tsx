/** The list of traces found. */
import { hopColour } from "../colours.ts";
import { Name } from "../components/untrusted.tsx";
import { go, href } from "../router.ts";
import { stamp } from "../time.ts";
import { took } from "./took.ts";
import type { Trace } from "./trace.ts";

export function FoundTraces({ traces, picked }: { traces: readonly Trace[]; picked: readonly string[] }) {
  const longest = traces.reduce((most, { duration }) => Math.max(most, duration), 1);
  return (
    <div class="card scrolling">
      <table class="figures found">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Compare</span>
            </th>
            <th scope="col">Trace</th>
            <th scope="col">Began</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col" class="number">
              Spans
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="services">
              Services
            </th>
          </tr>
        </thead>
        <tbody>
          {traces.map((trace) => (
            <Found key={trace.id} trace={trace} share={trace.duration / longest} picked={picked} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Found({ trace, share, picked }: { trace: Trace; share: number; picked: readonly string[] }) {
  const root = trace.spans[0]!;
  const isPicked = picked.includes(trace.id);
  // Two at most: the first of them makes room.
  const pick = (): void =>
    go(
      { pick: isPicked ? picked.filter((id) => id !== trace.id) : [...picked.slice(-1), trace.id] },
      { replace: true },
    );
  return (
    <tr data-trace={trace.id}>
      <td>
        <input type="checkbox" checked={isPicked} onChange={pick} aria-label={`Compare ${trace.id}`} />
      </td>
      <th scope="row">
        <a href={href({ path: `/trace/${trace.id}`, keepTime: false })}>
          <span class="swatch" style={{ background: hopColour(root.service) }} />
          <Name text={root.service} limit={60} /> <Name text={root.name} />
        </a>{" "}
        <code class="faint">{trace.id.slice(0, 8)}</code>
      </th>
      <td class="when">{stamp(trace.start / 1e3)}</td>
      <td class="number">
        <span class="share">
          <span style={{ width: `${share * 100}%` }} />
        </span>
        {took(trace.duration)}
      </td>
      <td class="number">{trace.spans.length}</td>
      <td class={`number${trace.failed > 0 ? " bad" : ""}`}>{trace.failed}</td>
      <td class="services">
        {[...trace.services].slice(0, 12).map(([name, count]) => (
          <span key={name} class="tag">
            <span class="swatch" style={{ background: hopColour(name) }} />
            <Name text={name} limit={60} /> {count}
          </span>
        ))}
      </td>
    </tr>
  );
}
