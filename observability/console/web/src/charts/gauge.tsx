/** A value on an arc from its least to its greatest. */

export interface GaugeProps {
  name?: string;
  text: string;
  /** Null where there is no value. */
  value: number | null;
  min: number;
  max: number;
  colour: string;
  /** A readable form of the colour for the text. */
  textColour: string;
  /** Steps of colours as a band outside the arc; nothing for no band. */
  steps?: readonly { from: number; colour: string }[];
  /** The texts of the steps' values beside the band. */
  stepText?: (value: number) => string;
}

const START = -210,
  SWEEP = 240,
  CENTRE = { x: 100, y: 92 };

function at(share: number, radius: number): [number, number] {
  const angle = ((START + SWEEP * Math.min(1, Math.max(0, share))) * Math.PI) / 180;
  return [CENTRE.x + radius * Math.cos(angle), CENTRE.y + radius * Math.sin(angle)];
}

function arc(from: number, to: number, radius: number): string {
  const [x, y] = at(from, radius),
    [endX, endY] = at(to, radius),
    isLong = SWEEP * (to - from) > 180 ? 1 : 0;
  return `M${x.toFixed(2)} ${y.toFixed(2)}A${radius} ${radius} 0 ${isLong} 1 ${endX.toFixed(2)} ${endY.toFixed(2)}`;
}

export function Gauge({ name, text, value, min, max, colour, textColour, steps = [], stepText }: GaugeProps) {
  const shareOf = (one: number): number => (max > min ? Math.min(1, Math.max(0, (one - min) / (max - min))) : 0);
  const share = value === null ? 0 : shareOf(value);
  return (
    <div class="gauge" role="img" aria-label={`${name ? `${name}: ` : ""}${text || "no value"}`}>
      <svg viewBox="0 0 200 160" aria-hidden="true">
        <path class="track" d={arc(0, 1, 70)} fill="none" stroke-width="18" />
        {share > 0 && <path d={arc(0, share, 70)} fill="none" stroke={colour} stroke-width="18" />}
        {steps.map((step, index) => {
          const from = shareOf(Math.max(min, step.from)),
            to = shareOf(steps[index + 1]?.from ?? max);
          return to > from ? (
            <path key={index} d={arc(from, to, 85)} fill="none" stroke={step.colour} stroke-width="4" />
          ) : null;
        })}
        {stepText &&
          steps
            .filter(({ from }) => from > min && from < max)
            .map(({ from }, index) => {
              const [x, y] = at(shareOf(from), 96);
              return (
                <text key={index} x={x} y={y} class="step" text-anchor={x < CENTRE.x ? "end" : "start"}>
                  {stepText(from)}
                </text>
              );
            })}
        <text
          x={CENTRE.x}
          y={CENTRE.y + 12}
          text-anchor="middle"
          class="value"
          fill={textColour}
          font-size={Math.min(34, 190 / Math.max(4, text.length))}
        >
          {text}
        </text>
      </svg>
      {name && <div class="name">{name}</div>}
    </div>
  );
}
