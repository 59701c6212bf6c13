/** How fields are shown: defaults and overrides, units, decimals, mappings, thresholds, colours, names. */
import { hopColour, seriesColour } from "../colours.ts";
import { type Format, formatOf, partsOf, type Written } from "../units.ts";
import { isScale, namedColour, scaleColour } from "./colours.ts";
import type { Cell, Field, Frame } from "./frames.ts";
import { interpolate, type Scope } from "./interpolation.ts";
import type { FieldConfig, Mapping, MappingResult, Override, Panel, Threshold, Thresholds } from "./json.ts";

/** A value as it is shown. */
export interface Display extends Written {
  colour?: string;
  value: number | null;
}
/** A field with everything that decides how it is shown. */
export interface ShownField {
  field: Field;
  refId: string;
  config: FieldConfig;
  /** Options of the panel's kind, overrides included. */
  custom: Record<string, unknown>;
  name: string;
  format: Format;
  colour: string;
  display: (value: Cell) => Display;
  /** Ends of gauges, bars and scales of colours. */
  min: number;
  max: number;
}

/** The fields of all frames but times, shown as a panel says. `skip` leaves out kinds of fields. */
export function shownFields(
  panel: Panel,
  frames: readonly Frame[],
  scope: Scope,
  skip: readonly Field["kind"][] = ["time"],
): ShownField[] {
  const all = frames.flatMap((frame) => frame.fields.map((field) => ({ field, refId: frame.refId })));
  const values = all.filter(({ field }) => !skip.includes(field.kind));
  const ends = rangeOf(values.map(({ field }) => field).filter(({ kind }) => kind === "number"));
  let numbered = 0; // colours go by the fields that have a colour of their own
  return values.map(({ field, refId }) =>
    shownField(panel, field, refId, field.kind === "number" ? numbered++ : numbered, scope, ends),
  );
}

/** The name of a field before its configuration. */
export const baseName = (field: Field): string => field.title ?? field.name;

function shownField(
  panel: Panel,
  field: Field,
  refId: string,
  index: number,
  scope: Scope,
  ends: { min: number; max: number },
): ShownField {
  const { config, custom } = configOf(panel, field, refId),
    { unit, mappings, thresholds } = config;
  const name = config.displayName ? fieldText(config.displayName, field, scope) : baseName(field);
  const decimals = config.decimals ?? undefined,
    format = formatOf(unit, decimals);
  const min = config.min ?? (unit === "percent" || unit === "percentunit" ? 0 : ends.min),
    max = config.max ?? (unit === "percent" ? 100 : unit === "percentunit" ? 1 : ends.max);
  const own = seriesColourOf(config, field, name, index, min, max);
  const display = (cell: Cell): Display => {
    const mapped = mappingOf(mappings ?? [], cell),
      value = typeof cell === "number" ? cell : null;
    const colour = mapped?.color ? namedColour(mapped.color) : (valueColour(config, value, min, max) ?? own);
    if (mapped?.text) return { prefix: "", text: mapped.text, suffix: "", colour, value };
    if (cell === null || cell === "") return { prefix: "", text: config.noValue ?? "", suffix: "", colour, value };
    if (typeof cell !== "number") return { prefix: "", text: String(cell), suffix: "", colour, value };
    return { ...partsOf(unit, cell, decimals), colour, value };
  };
  return {
    field,
    refId,
    config: { ...config, thresholds: thresholds ?? null },
    custom,
    name,
    format,
    colour: own,
    display,
    min,
    max,
  };
}

/** The least and the greatest number of fields; 0 and 100 where they have none. */
function rangeOf(fields: readonly Field[]): { min: number; max: number } {
  let min = Infinity,
    max = -Infinity;
  for (const { values } of fields)
    for (const value of values)
      if (typeof value === "number" && Number.isFinite(value))
        [min, max] = [Math.min(min, value), Math.max(max, value)];
  return min > max
    ? { min: 0, max: 100 }
    : min === max
      ? { min: Math.min(0, min), max: max === 0 ? 100 : Math.max(0, max) }
      : { min, max };
}

/** The configuration of a field: the panel's defaults, then each override that fits, in order. */
function configOf(
  panel: Panel,
  field: Field,
  refId: string,
): { config: FieldConfig; custom: Record<string, unknown> } {
  const config: Record<string, unknown> = { ...panel.fieldConfig?.defaults },
    custom: Record<string, unknown> = { ...panel.fieldConfig?.defaults?.custom };
  for (const override of panel.fieldConfig?.overrides ?? []) {
    if (!fits(override, field, refId)) continue;
    for (const { id, value } of override.properties) {
      if (id.startsWith("custom.")) custom[id.slice("custom.".length)] = value;
      else config[id] = value;
    }
  }
  return { config: config as FieldConfig, custom };
}

function fits({ matcher: { id, options } }: Override, field: Field, refId: string): boolean {
  const names = [baseName(field), field.name];
  switch (id) {
    case "byName":
      return names.includes(String(options));
    case "byNames":
      return ((options as { names?: string[] } | undefined)?.names ?? []).some((name) => names.includes(name));
    case "byRegexp":
      return names.some((name) => regularExpression(String(options)).test(name));
    case "byFrameRefID":
      return refId === options;
    case "byType":
      return field.kind === options;
    default:
      return false;
  }
}
export const MATCHERS: readonly string[] = ["byName", "byNames", "byRegexp", "byFrameRefID", "byType"];

/** A regular expression as dashboards write them, with or without slashes; one that cannot be read fits nothing. */
export function regularExpression(text: string): RegExp {
  const [, body = text, flags = ""] = /^\/(.*)\/([a-z]*)$/s.exec(text) ?? [];
  try {
    return new RegExp(body, flags.replace("g", ""));
  } catch {
    return /(?!)/;
  }
}

/** What a value is shown as instead of itself. */
export function mappingOf(mappings: readonly Mapping[], cell: Cell): MappingResult | undefined {
  for (const mapping of mappings) {
    switch (mapping.type) {
      case "value": {
        const key = cell === null ? "" : String(cell);
        if (cell !== null && Object.hasOwn(mapping.options, key)) return mapping.options[key];
        break;
      }
      case "range": {
        const { from, to, result } = mapping.options;
        if (typeof cell === "number" && cell >= (from ?? -Infinity) && cell <= (to ?? Infinity)) return result;
        break;
      }
      case "regex": {
        const pattern = regularExpression(mapping.options.pattern);
        if (typeof cell === "string" && pattern.test(cell))
          return {
            ...mapping.options.result,
            ...(mapping.options.result.text ? { text: cell.replace(pattern, mapping.options.result.text) } : {}),
          };
        break;
      }
      case "special":
        if (isSpecial(mapping.options.match, cell)) return mapping.options.result;
        break;
    }
  }
  return undefined;
}

function isSpecial(match: string, cell: Cell): boolean {
  const isNull = cell === null,
    isNaN_ = typeof cell === "number" && Number.isNaN(cell);
  switch (match) {
    case "null":
      return isNull;
    case "nan":
      return isNaN_;
    case "null+nan":
      return isNull || isNaN_;
    case "true":
      return cell === true;
    case "false":
      return cell === false;
    case "empty":
      return cell === "";
    default:
      return false;
  }
}

/** Steps of thresholds as values, sorted; shares of min to max where they are percentages. */
export function thresholdSteps(
  thresholds: Thresholds | null | undefined,
  min: number,
  max: number,
): { from: number; colour: string }[] {
  const toValue = ({ value }: Threshold): number =>
    value === null ? -Infinity : thresholds?.mode === "percentage" ? min + ((max - min) * value) / 100 : value;
  return (thresholds?.steps ?? [])
    .map((step) => ({ from: toValue(step), colour: namedColour(step.color) }))
    .sort((a, b) => a.from - b.from);
}

/** The colour of the last step that a value reaches. */
export function thresholdColour(
  thresholds: Thresholds | null | undefined,
  value: number | null,
  min: number,
  max: number,
): string | undefined {
  const steps = thresholdSteps(thresholds, min, max);
  if (value === null) return steps[0]?.colour;
  return steps.filter(({ from }) => value >= from).pop()?.colour ?? steps[0]?.colour;
}

/** Grafana's colour of a value: by thresholds where nothing else is said. */
function valueColour(config: FieldConfig, value: number | null, min: number, max: number): string | undefined {
  const mode = config.color?.mode ?? "thresholds";
  if (mode === "thresholds") return thresholdColour(config.thresholds, value, min, max);
  if (isScale(mode)) return scaleColour(mode, value === null || max === min ? 0 : (value - min) / (max - min));
  return undefined;
}

/** Hops have their colour everywhere, other series the next one. */
const HOP_LABELS = ["service_name", "service", "exported_service"];
function seriesColourOf(
  { color, thresholds }: FieldConfig,
  field: Field,
  name: string,
  index: number,
  min: number,
  max: number,
): string {
  if ((color?.mode === "fixed" || color?.mode === "shades") && color.fixedColor) return namedColour(color.fixedColor);
  if (color?.mode === "thresholds" || (color?.mode && isScale(color.mode))) {
    const last = field.values.reduce<number | null>(
      (found, value) => (typeof value === "number" ? value : found),
      null,
    );
    return (
      (color.mode === "thresholds"
        ? thresholdColour(thresholds, last, min, max)
        : valueColour({ color }, last, min, max)) ?? seriesColour(index)
    );
  }
  const hop = HOP_LABELS.map((label) => field.labels[label]).find(Boolean);
  return hop !== undefined && hop === name ? hopColour(hop) : seriesColour(index);
}

/** A text with the field's own variables put in, such as `${__field.labels.service}`. */
function fieldText(text: string, field: Field, scope: Scope): string {
  const own = text.replace(/\$\{__(?:field|series)\.([^}]+)\}/g, (whole, path: string) => {
    if (path === "name" || path === "displayName") return baseName(field);
    const label = /^labels(?:\.(.+)|\["?(.+?)"?\])$/.exec(path);
    return label ? (field.labels[label[1] ?? label[2]!] ?? "") : path === "labels" ? legendText(field.labels) : whole;
  });
  return interpolate(own, scope, "title");
}

const legendText = (labels: Record<string, string>): string =>
  Object.keys(labels)
    .map((name) => `${name}="${labels[name]}"`)
    .join(", ");
export const shownText = ({ prefix, text, suffix }: Written): string => prefix + text + suffix;
