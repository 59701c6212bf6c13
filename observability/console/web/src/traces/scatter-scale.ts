/** The axis of durations. */

export interface Scale {
  /** Where a value stands on the axis, 0 to 1. */
  share: (value: number) => number;
  /** Round values to mark. */
  marks: number[];
}

/** An axis for some values; a logarithmic one begins at the power of ten below the least. */
export function scaleOf(values: readonly number[], isLogarithmic: boolean): Scale {
  const most = values.reduce((max, value) => Math.max(max, value), 1);
  return isLogarithmic
    ? logarithmic(
        values.reduce((min, value) => Math.min(min, value), most),
        most,
      )
    : linear(most);
}

function linear(most: number): Scale {
  const step = roundUp(most / 4);
  const top = Math.ceil(most / step) * step;
  const marks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
  return { share: (value) => Math.max(0, value) / top, marks };
}

function logarithmic(least: number, most: number): Scale {
  const low = Math.floor(Math.log10(Math.max(1, least)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most)));
  const marks = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at));
  return { share: (value) => Math.max(0, (Math.log10(Math.max(1, value)) - low) / (high - low)), marks };
}

/** The next of 1, 2, 5, 10, 20, … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1e-9, value)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= value - power * 1e-9)!;
}
