/** Durations of spans, as they are written. */
import { formatOf } from "../units.ts";

const write = formatOf("µs");

/** Microseconds with three significant digits, in a unit that fits: `850 µs`, `12.3 ms`, `1.50 s`. */
export const took = (microseconds: number): string => write(microseconds);

/** A moment of a trace, from its start. */
export const offset = (microseconds: number): string => (microseconds === 0 ? "0" : write(microseconds));
