/** What a call was answered. */
import { indented } from "../components/json.ts";
import { LongText } from "../components/untrusted.tsx";
import { href } from "../router.ts";
import type { Reply } from "../stores/gateway.ts";
import { formatOf } from "../units.ts";

const seconds = formatOf("s"), bytes = formatOf("bytes");

export function ReplyView({ reply }: { reply: Reply }) {
  const { status, headers, body, cut, hidden, trace_id } = reply;
  return <div class="reply" data-status={status} role="region" aria-label="Answer">
    <p><strong class={status < 400 ? "good" : "bad"}>{status}</strong> in {seconds(reply.seconds)}, {bytes(reply.bytes)}
      {trace_id && <> · <a href={href({ path: `/trace/${trace_id}` })}>trace</a></>}</p>
    <details><summary>{headers.length} headers</summary>
      <dl class="attributes">{headers.map(([name, value], index) => <div key={index}><dt>{name}</dt><dd><LongText text={value} first={500} /></dd></div>)}</dl>
    </details>
    {hidden && <p class="hidden-note">The answer may be about people, and is hidden: it is shown in <a href="/operate">operate mode</a>.</p>}
    {body && <pre class="payload" tabIndex={0}><LongText text={indented(body)} /></pre>}
    {cut && <p class="faint">The answer goes on; the rest is not shown.</p>}
  </div>;
}
