/** Keys of a page, one or two after another, outside of fields. */
import { useEffect, useRef } from "preact/hooks";

/** How long the second key of two may take, milliseconds. */
const PATIENCE = 1_500;

/** Whether keys belong to what has the focus: a field, a list, or a dialogue. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable], [role=listbox]") !== null;

/**
 * Act on keys for as long as the component is there.
 *
 * Args:
 *   actions: by keys as `KeyboardEvent.key` names them, two of them with a space between: `v`, `t ArrowLeft`. An action
 *     that answers false leaves the key to the browser.
 */
export function useKeys(actions: Readonly<Record<string, (event: KeyboardEvent) => void | false>>): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    let before = "",
      at = 0;
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || event.defaultPrevented) return;
      const first = event.timeStamp - at < PATIENCE ? before : "",
        action = latest.current[`${first} ${event.key}`] ?? latest.current[event.key];
      [before, at] = [event.key, event.timeStamp];
      if (!action || action(event) === false) return;
      before = "";
      event.preventDefault();
      event.stopPropagation();
    };
    // Before the charts, which move their cursor by the arrow keys.
    addEventListener("keydown", press, true);
    return () => removeEventListener("keydown", press, true);
  }, []);
}
