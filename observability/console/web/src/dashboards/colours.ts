/** Colours as dashboards name them. */

const SHADES = ["dark", "semi-dark", "", "light", "super-light"];
const HUES: Record<string, readonly string[]> = {
  red: ["#C4162A", "#E02F44", "#F2495C", "#FF7383", "#FFA6B0"],
  orange: ["#FA6400", "#FF780A", "#FF9830", "#FFB357", "#FFCB7D"],
  yellow: ["#E0B400", "#F2CC0C", "#FADE2A", "#FFEE52", "#FFF899"],
  green: ["#37872D", "#56A64B", "#73BF69", "#96D98D", "#C8F2C2"],
  blue: ["#1F60C4", "#3274D9", "#5794F2", "#8AB8FF", "#C0D8FF"],
  purple: ["#8F3BB8", "#A352CC", "#B877D9", "#CA95E5", "#DEB6F2"],
};
const NAMED: Record<string, string> = {
  black: "#000000",
  white: "#ffffff",
  gray: "#808080",
  grey: "#808080",
  transparent: "transparent",
  text: "#9aa4b4",
  ...Object.fromEntries(
    Object.entries(HUES).flatMap(([hue, shades]) =>
      shades.map((colour, index) => [SHADES[index] ? `${SHADES[index]}-${hue}` : hue, colour]),
    ),
  ),
};

/** The colour that a dashboard names, `#rrggbb` where it can be said so. */
export function namedColour(name: string | undefined): string {
  if (!name) return NAMED.gray!;
  if (Object.hasOwn(NAMED, name)) return NAMED[name]!;
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(name);
  if (short) return `#${short[1]}${short[1]}${short[2]}${short[2]}${short[3]}${short[3]}`;
  const rgb = /^rgba?\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)/i.exec(name);
  return rgb ? hexOf([Number(rgb[1]), Number(rgb[2]), Number(rgb[3])]) : name;
}

/** Whether a name or a value is a colour. */
export const isColour = (name: unknown): boolean =>
  typeof name === "string" &&
  (Object.hasOwn(NAMED, name) || /^#[0-9a-f]{3,8}$/i.test(name) || /^rgba?\([\d\s.,%/]+\)$/i.test(name));

type Rgb = [number, number, number];
const hexOf = (rgb: Rgb): string =>
  `#${rgb
    .map((part) =>
      Math.round(Math.min(255, Math.max(0, part)))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;

function rgbOf(colour: string): Rgb {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(namedColour(colour));
  return found ? [parseInt(found[1]!, 16), parseInt(found[2]!, 16), parseInt(found[3]!, 16)] : [128, 128, 128];
}

/** A colour between two, `share` of the way. */
export function between(from: string, to: string, share: number): string {
  const a = rgbOf(from),
    b = rgbOf(to);
  return hexOf([0, 1, 2].map((index) => a[index]! + (b[index]! - a[index]!) * share) as Rgb);
}

function luminance(colour: string): number {
  const [red, green, blue] = rgbOf(colour).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast of two colours, 1 to 21, as WCAG counts it. */
export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** The colour, darker or lighter until text of it can be read on `back`. */
export function readable(colour: string, back: string, least = 4.5): string {
  const towards = luminance(back) > 0.3 ? "#000000" : "#ffffff";
  let found = colour;
  for (let share = 0.1; contrast(found, back) < least && share <= 1; share += 0.1)
    found = between(colour, towards, share);
  return found;
}

/** Black or white, whichever is read better on a colour. */
export const onColour = (back: string): string =>
  contrast("#000000", back) >= contrast("#ffffff", back) ? "#000000" : "#ffffff";

/** Scales of colours from lowest to highest. */
const SCALES: Record<string, readonly string[]> = {
  "continuous-GrYlRd": [HUES.green![2]!, HUES.yellow![2]!, HUES.red![2]!],
  "continuous-RdYlGr": [HUES.red![2]!, HUES.yellow![2]!, HUES.green![2]!],
  "continuous-BlYlRd": [HUES.blue![1]!, HUES.yellow![2]!, HUES.red![2]!],
  "continuous-YlRd": [HUES.yellow![4]!, HUES.red![2]!],
  "continuous-BlPu": [HUES.blue![2]!, HUES.purple![2]!],
  "continuous-YlBl": [HUES.yellow![4]!, HUES.blue![2]!],
  "continuous-blues": ["#111a2b", HUES.blue![1]!],
  "continuous-reds": ["#2b1114", HUES.red![1]!],
  "continuous-greens": ["#13260f", HUES.green![1]!],
  "continuous-purples": ["#210f2b", HUES.purple![1]!],
  Oranges: ["#fff5eb", "#fdae6b", "#f16913", "#8c2d04"],
  Reds: ["#fff5f0", "#fc9272", "#ef3b2c", "#67000d"],
  Blues: ["#f7fbff", "#9ecae1", "#4292c6", "#08306b"],
  Greens: ["#f7fcf5", "#a1d99b", "#41ab5d", "#00441b"],
  Purples: ["#fcfbfd", "#bcbddc", "#807dba", "#3f007d"],
  Greys: ["#ffffff", "#bdbdbd", "#737373", "#000000"],
  Spectral: ["#5e4fa2", "#66c2a5", "#ffffbf", "#f46d43", "#9e0142"],
  RdYlGn: ["#006837", "#a6d96a", "#ffffbf", "#f46d43", "#a50026"],
  YlOrRd: ["#ffffcc", "#feb24c", "#fc4e2a", "#800026"],
  Turbo: ["#30123b", "#28bceb", "#a4fc3c", "#fb7e21", "#7a0403"],
  Viridis: ["#440154", "#31688e", "#35b779", "#fde725"],
};
export const isScale = (name: string): boolean => Object.hasOwn(SCALES, name);

/** A colour of a scale, `share` of the way from its lowest to its highest. */
export function scaleColour(name: string, share: number): string {
  const scale = (Object.hasOwn(SCALES, name) ? SCALES[name] : undefined) ?? SCALES.Oranges!,
    at = Math.min(1, Math.max(0, share)) * (scale.length - 1),
    index = Math.min(scale.length - 2, Math.floor(at));
  return between(scale[index]!, scale[index + 1]!, at - index);
}
