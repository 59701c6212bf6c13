/** The keys of a dashboard. */
import { useEffect, useRef } from "preact/hooks";

const KEYS: readonly (readonly [string, string])[] = [
  ["d r", "Refresh"],
  ["t z, t −", "Zoom out"],
  ["t +", "Zoom in"],
  ["t ←, t →", "Earlier, later"],
  ["t a", "Keep the time range as it is now"],
  ["v", "The panel under the pointer or focus alone, and back"],
  ["i", "Inspect the panel"],
  ["e", "The panel's queries"],
  ["Esc", "Back"],
  ["← → in a chart", "Move the cursor; Enter holds the tooltip, so that its links can be reached"],
  ["drag in a chart", "Zoom in; a double click zooms out"],
  ["click in a legend", "Show a series alone; with Ctrl, add or leave out"],
];

export function Help({ close }: { close: () => void }) {
  const dialogue = useRef<HTMLDialogElement>(null);
  useEffect(() => dialogue.current!.showModal(), []);
  return (
    <dialog
      ref={dialogue}
      class="help"
      aria-label="Keys"
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <h2>Keys</h2>
      <table>
        <tbody>
          {KEYS.map(([keys, what]) => (
            <tr key={keys}>
              <th>
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <button onClick={close}>Close</button>
    </dialog>
  );
}
