/** Values over time as stretches of the same state. */

export interface Stretch<T> {
  from: number;
  to: number;
  value: T;
}

/** Stretches of values; neighbours that are equal become one where they are to be merged. Null leaves a gap. */
export function stretches<T>(
  times: readonly number[],
  values: readonly (T | null)[],
  end: number,
  isMerged: boolean,
): Stretch<T>[] {
  const found: Stretch<T>[] = [];
  times.forEach((from, index) => {
    const value = values[index] ?? null,
      to = times[index + 1] ?? end;
    if (value === null || to <= from) return;
    const last = found[found.length - 1];
    if (isMerged && last && last.to === from && last.value === value) last.to = to;
    else found.push({ from, to, value });
  });
  return found;
}
