/** Values as bars from their least to their greatest. */

export interface Bar {
  name: string;
  text: string;
  value: number | null;
  min: number;
  max: number;
  colour: string;
  textColour: string;
  steps: readonly { from: number; colour: string }[];
}
export interface BarGaugeProps {
  label: string;
  bars: readonly Bar[];
  isVertical: boolean;
  mode: "basic" | "gradient" | "lcd";
  textMode: "color" | "text" | "hidden";
  namePlacement: "left" | "top" | "hidden";
  /** Whether the rest of a bar is drawn. */
  showsRest: boolean;
}

const CELLS = 24;
const shareOf = ({ value, min, max }: Pick<Bar, "value" | "min" | "max">): number =>
  value === null || max <= min ? 0 : Math.min(1, Math.max(0, (value - min) / (max - min)));
const colourAt = (bar: Bar, share: number): string =>
  bar.steps.filter(({ from }) => bar.min + share * (bar.max - bar.min) >= from).pop()?.colour ?? bar.colour;

export function BarGauge({ label, bars, isVertical, mode, textMode, namePlacement, showsRest }: BarGaugeProps) {
  return (
    <ul
      class={`bar-gauge ${isVertical ? "vertical" : "horizontal"} name-${namePlacement}`}
      tabIndex={0}
      aria-label={label}
    >
      {bars.map((bar, index) => (
        <li key={index} data-value={bar.value}>
          {namePlacement !== "hidden" && bar.name && (
            <span class="name" title={bar.name}>
              {bar.name}
            </span>
          )}
          <span class={showsRest ? "rail" : "rail bare"}>
            <Fill bar={bar} mode={mode} isVertical={isVertical} />
          </span>
          {textMode !== "hidden" && (
            <span class="value" style={textMode === "color" ? { color: bar.textColour } : {}}>
              {bar.text}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Fill({ bar, mode, isVertical }: { bar: Bar; mode: BarGaugeProps["mode"]; isVertical: boolean }) {
  const share = shareOf(bar),
    length = `${(100 * share).toFixed(2)}%`,
    size = isVertical ? { height: length } : { width: length };
  if (mode === "lcd") {
    return (
      <span class="cells">
        {Array.from({ length: CELLS }, (_, index) => {
          const at = (index + 0.5) / CELLS;
          return <i key={index} style={{ background: colourAt(bar, at), opacity: at <= share ? 1 : 0.15 }} />;
        })}
      </span>
    );
  }
  const first = bar.steps[0]?.colour ?? bar.colour;
  const background =
    mode === "gradient" ? `linear-gradient(to ${isVertical ? "top" : "right"}, ${first}, ${bar.colour})` : bar.colour;
  return <span class="fill" style={{ ...size, background }} />;
}
