/** The values and links at a chart's cursor. */
import type { ChartLink } from "./curves.ts";
import { Tooltip } from "./tooltip.tsx";

export interface TipOptions {
  /** The values of all curves, of the nearest one, or no tooltip. */
  mode: "multi" | "single" | "none";
  sort?: "ascending" | "descending";
}
interface TipRow {
  name: string;
  colour: string;
  text: string;
  isNear: boolean;
  value: number;
}
export interface TipContent {
  title?: string;
  when: string;
  details: readonly (readonly [string, string])[];
  rows: readonly TipRow[];
  links: readonly ChartLink[];
}

const MOST_ROWS = 25;

export function Tip({
  content,
  x,
  y,
  isPinned,
  close,
}: {
  content: TipContent;
  x: number;
  y: number;
  isPinned: boolean;
  close: () => void;
}) {
  const { title, when, details, rows, links } = content;
  return (
    <Tooltip x={x} y={y} isPinned={isPinned} close={close}>
      {title && <b>{title}</b>}
      <div class={title ? "faint" : "when"}>{when}</div>
      {details.length > 0 && (
        <table>
          <tbody>
            {details.map(([name, value]) => (
              <tr key={name}>
                <th>{name}</th>
                <td>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > 0 && (
        <table>
          <tbody>
            {rows.slice(0, MOST_ROWS).map(({ name, colour, text, isNear }, index) => (
              <tr key={index} class={isNear ? "near" : ""}>
                <td>
                  <span class="swatch" style={{ background: colour }} />
                  {name}
                </td>
                <td class="number">{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length > MOST_ROWS && <div class="faint">and {rows.length - MOST_ROWS} more</div>}
      {links.length > 0 &&
        (isPinned ? (
          <ul>
            {links.map((link) => (
              <li key={link.href}>
                <a href={link.href} {...(link.isNewTab ? { target: "_blank", rel: "noopener" } : {})}>
                  {link.title}
                </a>
              </li>
            ))}
          </ul>
        ) : (
          <div class="faint">Click for {links.map((link) => link.title).join(", ")}</div>
        ))}
    </Tooltip>
  );
}
