/** Figures of traffic, written short. */
import { formatOf } from "../units.ts";

const short = formatOf("short"), seconds = formatOf("s"), percent = formatOf("percentunit");

/** Calls a second: `0.42/s`; a rate above 0 is never written as 0. */
export const rateText = (value: number): string => value > 0 && value < 0.005 ? "<0.01/s" : `${short(value, value > 0 && value < 10 ? 2 : undefined).replace(" ", "")}/s`;
/** A share of 0 to 1: `2.1%`; a share above 0 is never written as 0. */
export const shareText = (value: number): string =>
  value > 0 && value < 0.0005 ? "<0.05%" : percent(value, value === 0 || value === 1 ? 0 : 1);
/** Seconds: `35 ms`; a dash where there is none. */
export const durationText = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? "–" : seconds(value, value < 1 ? 0 : 1);
