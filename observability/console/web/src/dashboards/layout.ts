/** Where panels stand: rows that fold, repeated panels, a grid of 24 columns. */
import type { Scope, Value } from "./interpolation.ts";
import type { GridPos, Panel } from "./json.ts";

const COLUMNS = 24;
const USUAL: GridPos = { x: 0, y: 0, w: 12, h: 8 };

/** A panel at its place, with the values that it stands for where it is one of a repetition. */
export interface PlacedPanel {
  key: string;
  panel: Panel;
  at: GridPos;
  scope: Scope;
}
/** The panels below a row's title, or those before the first row. */
export interface Section {
  key: string;
  row?: Panel;
  scope: Scope;
  isFolded: boolean;
  panels: PlacedPanel[];
}

/**
 * The sections of a dashboard.
 *
 * Args:
 *   turned: keys of rows that are not as the dashboard says (folded or not).
 */
export function sections(panels: readonly Panel[], scope: Scope, turned: readonly string[]): Section[] {
  const found: { key: string; row?: Panel; members: { key: string; panel: Panel }[] }[] = [{ key: "top", members: [] }];
  let number = 0;
  const keyed = (panel: Panel): { key: string; panel: Panel } => ({ key: String(panel.id || `p${++number}`), panel });
  for (const panel of panels) {
    const one = keyed(panel);
    if (panel.type === "row") found.push({ key: one.key, row: panel, members: (panel.panels ?? []).map(keyed) });
    else found[found.length - 1]!.members.push(one);
  }
  return found
    .filter(({ row, members }) => row || members.length > 0)
    .flatMap(({ key, row, members }) => {
      const turns = row?.repeat ? repetitions(row.repeat, scope) : [{ suffix: "", scope: {} }];
      return turns.map((turn): Section => {
        const own = key + turn.suffix,
          inner = { ...scope, ...turn.scope };
        const placed = members.map((member) => ({ ...member, key: member.key + turn.suffix }));
        return {
          key: own,
          ...(row ? { row } : {}),
          scope: turn.scope,
          isFolded: (row?.collapsed ?? false) !== turned.includes(own),
          panels: place(placed, inner, turn.scope),
        };
      });
    });
}

/** One turn for each value of a variable that is repeated. */
function repetitions(name: string, scope: Scope): { suffix: string; scope: Scope }[] {
  const value = scope[name];
  if (!value || value.values.length === 0) return [{ suffix: "", scope: {} }];
  return value.values.map((one, index) => {
    const text = value.texts.length === value.values.length ? value.texts[index]! : one;
    const single: Value = { values: [one], texts: [text], isMulti: value.isMulti };
    return { suffix: `-${one}`, scope: { [name]: single } };
  });
}

/** Panels at their places below the section's top; repeated ones move down what is below them. */
function place(members: readonly { key: string; panel: Panel }[], scope: Scope, inherited: Scope): PlacedPanel[] {
  const top = Math.min(...members.map(({ panel }) => (panel.gridPos ?? USUAL).y)),
    placed: PlacedPanel[] = [];
  let moved = 0;
  const ordered = members
    .map((member, index) => ({ ...member, at: member.panel.gridPos ?? USUAL, index }))
    .sort((a, b) => a.at.y - b.at.y || a.at.x - b.at.x || a.index - b.index);
  for (const { key, panel, at } of ordered) {
    const turns = panel.repeat ? repetitions(panel.repeat, scope) : [{ suffix: "", scope: {} }];
    const y = at.y - top + moved,
      isDown = panel.repeatDirection === "v";
    const beside = isDown || !panel.repeat ? 1 : Math.min(turns.length, panel.maxPerRow ?? 4),
      width = isDown || !panel.repeat ? at.w : Math.floor(COLUMNS / beside);
    turns.forEach((turn, index) => {
      const cell = panel.repeat
        ? { x: isDown ? at.x : width * (index % beside), y: y + at.h * Math.floor(index / beside), w: width, h: at.h }
        : { ...at, y };
      placed.push({ key: key + turn.suffix, panel, at: cell, scope: { ...inherited, ...turn.scope } });
    });
    if (panel.repeat) moved += at.h * (Math.ceil(turns.length / beside) - 1);
  }
  return placed;
}
