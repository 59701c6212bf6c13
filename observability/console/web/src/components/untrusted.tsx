/** Text that others wrote, shown as text: bounded, with its controls visible and its direction kept to itself. */
import { useState } from "preact/hooks";
import { bounded, brief, PORTION } from "../text.ts";

/** A name, on one line. */
export function Name({ text, limit = 200 }: { text: string; limit?: number }) {
  return <bdi>{brief(text, limit)}</bdi>;
}

/** Any text. More of a long one is shown on demand. */
export function LongText({ text, first = PORTION }: { text: string; first?: number }) {
  const [limit, setLimit] = useState(first);
  const { shown, left } = bounded(text, limit);
  return (
    <>
      <bdi>{shown}</bdi>
      {left > 0 && (
        <button
          class="more"
          onClick={(event) => {
            event.stopPropagation();
            setLimit(limit + PORTION);
          }}
        >
          … {Math.min(left, PORTION).toLocaleString("en")} of {left.toLocaleString("en")} more characters
        </button>
      )}
    </>
  );
}
