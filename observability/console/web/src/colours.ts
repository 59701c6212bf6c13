/** Colours of hops, series and levels. */

const PALETTE = ["#6fbf73", "#e3b341", "#5794f2", "#ff9a4d", "#e5586c", "#4cc2d8", "#b877d9", "#8cb400", "#c98a5e", "#f587b8", "#7e9cd8", "#37a794"];
/** The platform's own hops first, so that each has the same colour in every browser. */
const HOPS = ["edge-nginx", "gateway", "services-nginx", "accounts", "orders", "inventory", "notifications", "relay", "rio", "console"];
const known = new Map(HOPS.map((name, index) => [name, PALETTE[index % PALETTE.length]!]));

/** The colour of a hop, one and the same in charts, traces, logs and the map. */
export function hopColour(name: string): string {
  let found = known.get(name);
  if (found === undefined) {
    let hash = 7;
    for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)!) % 9973;
    known.set(name, found = PALETTE[hash % PALETTE.length]!);
  }
  return found;
}

export const seriesColour = (index: number): string => PALETTE[index % PALETTE.length]!;
