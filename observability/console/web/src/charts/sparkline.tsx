/** A small line without axes, behind or below a number. */

/** The values as an area; gaps are left open. Decoration: the number says what matters. */
export function Sparkline({ values, colour }: { values: readonly (number | null)[]; colour: string }) {
  const present = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (present.length < 2) return null;
  const low = Math.min(...present),
    high = Math.max(...present),
    span = high - low || 1,
    last = values.length - 1;
  const point = (value: number, index: number): string =>
    `${((100 * index) / last).toFixed(2)},${(38 - (36 * (value - low)) / span).toFixed(2)}`;
  const runs: string[][] = [[]];
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) runs.push([]);
    else runs[runs.length - 1]!.push(point(value, index));
  });
  const drawn = runs.filter((run) => run.length > 1);
  return (
    <svg class="sparkline" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">
      {drawn.map((run, index) => (
        <g key={index}>
          <path
            d={`M${run[0]!.split(",")[0]},40L${run.join("L")}L${run[run.length - 1]!.split(",")[0]},40Z`}
            fill={colour}
            fill-opacity="0.25"
          />
          <path
            d={`M${run.join("L")}`}
            fill="none"
            stroke={colour}
            stroke-width="1.5"
            vector-effect="non-scaling-stroke"
          />
        </g>
      ))}
    </svg>
  );
}
