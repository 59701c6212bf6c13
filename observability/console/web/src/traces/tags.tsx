/** Tags of a span, a process or an event. */
import { useMemo, useState } from "preact/hooks";
import { LongText, Name } from "../components/untrusted.tsx";
import type { Tag } from "../stores/jaeger.ts";
import { BRIEF } from "../text.ts";

/** Tags that are shown at first. */
const SHOWN = 60;

export function Tags({ title, tags }: { title: string; tags: readonly Tag[] }) {
  const [isWhole, setWhole] = useState(false);
  const sorted = useMemo(() => [...tags].sort(byKey), [tags]);
  const shown = isWhole ? sorted : sorted.slice(0, SHOWN);
  if (tags.length === 0) return null;
  return (
    <div class="tags">
      <table class="fields">
        <caption>{title}</caption>
        <tbody>
          {shown.map(({ key, value }, at) => (
            <tr key={`${at} ${key}`}>
              <th scope="row">
                <Name text={key} />
              </th>
              <td>
                <LongText text={written(value)} first={BRIEF} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {tags.length > shown.length && (
        <button class="more" onClick={() => setWhole(true)}>
          {tags.length - shown.length} more
        </button>
      )}
    </div>
  );
}

const byKey = (a: Tag, b: Tag): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
const written = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
