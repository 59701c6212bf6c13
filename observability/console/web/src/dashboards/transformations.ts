/** Grafana's transformations of frames, as far as the console knows them. */
import { calculate, calculationTitle } from "../charts/calculations.ts";
import { baseName, regularExpression } from "./fields.ts";
import { type Cell, type Field, type Frame, lengthOf, numbers } from "./frames.ts";
import type { Options, Transformation } from "./json.ts";

type Transform = (frames: Frame[], options: Options) => Frame[];

/** The frames after all transformations of a panel, in order. */
export function transformed(frames: readonly Frame[], transformations: readonly Transformation[]): Frame[] {
  return transformations
    .filter(({ disabled }) => !disabled)
    .reduce<Frame[]>(
      (before, { id, options }) => (Object.hasOwn(TRANSFORMS, id) ? TRANSFORMS[id]! : keep)(before, options ?? {}),
      [...frames],
    );
}

const keep: Transform = (frames) => frames;

const TRANSFORMS: Record<string, Transform> = {
  merge: (frames) => (frames.length < 2 ? frames : [merged(frames)]),
  organize: (frames, options) => frames.map((frame) => organized(frame, options)),
  filterFieldsByName: (frames, options) =>
    frames.map((frame) => filtered(frame, options)).filter(({ fields }) => fields.length > 0),
  filterByRefId: (frames, options) =>
    frames.filter(({ refId }) => regularExpression(`^(?:${text(options.include)})$`).test(refId)),
  joinByField: (frames, options) => joined(frames, text(options.byField) || undefined, options.mode === "inner"),
  seriesToColumns: (frames, options) => joined(frames, text(options.byField) || "Time", false),
  labelsToFields: (frames, options) => frames.map((frame) => withLabels(frame, options)),
  limit: (frames, options) =>
    frames.map((frame) => rows(frame, indices(frame).slice(0, Number(options.limitField ?? 10)))),
  reduce: (frames, options) => reduced(frames, options),
  renameByRegex: (frames, options) => frames.map((frame) => renamedByRegex(frame, options)),
  seriesToRows: (frames) => (frames.length === 0 ? [] : [stacked(frames)]),
  sortBy: (frames, options) => frames.map((frame) => sorted(frame, options)),
};
/** The transformations that are known. */
export const TRANSFORMATIONS: readonly string[] = Object.keys(TRANSFORMS);

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
const indices = (frame: Frame): number[] => Array.from({ length: lengthOf(frame) }, (_, index) => index);
const rows = (frame: Frame, kept: readonly number[]): Frame => ({
  ...frame,
  fields: frame.fields.map((field) => ({ ...field, values: kept.map((index) => field.values[index]!) })),
});
const isNamed = (field: Field, name: string): boolean => field.name === name || baseName(field) === name;

/** One table of all: rows that agree in every column that several frames share become one. */
function merged(frames: readonly Frame[]): Frame {
  const columns = new Map<string, Field>(),
    shared = new Set<string>();
  for (const frame of frames)
    for (const field of frame.fields) {
      const name = baseName(field);
      if (columns.has(name)) shared.add(name);
      else columns.set(name, { ...field, values: [] });
    }
  const found = new Map<string, Map<string, Cell>>();
  frames.forEach((frame) =>
    indices(frame).forEach((index) => {
      const cells = new Map(frame.fields.map((field) => [baseName(field), field.values[index] ?? null] as const));
      const base = JSON.stringify([...shared].map((name) => cells.get(name) ?? null));
      let key = base,
        turn = 0;
      // A row that would overwrite a value of another row of the same key stays a row of its own.
      while (
        found.has(key) &&
        [...cells].some(
          ([name, cell]) => !shared.has(name) && found.get(key)!.has(name) && found.get(key)!.get(name) !== cell,
        )
      )
        key = `${base}#${++turn}`;
      const row = found.get(key) ?? new Map<string, Cell>();
      cells.forEach((cell, name) => row.set(name, cell));
      found.set(key, row);
    }),
  );
  for (const row of found.values()) columns.forEach((field, name) => field.values.push(row.get(name) ?? null));
  return { refId: frames[0]!.refId, fields: [...columns.values()] };
}

function organized(frame: Frame, options: Options): Frame {
  const excluded = record(options.excludeByName),
    order = record(options.indexByName),
    names = record(options.renameByName),
    included = record(options.includeByName);
  const isIncluded = (field: Field): boolean =>
    Object.keys(included).length === 0 || included[field.name] === true || included[baseName(field)] === true;
  const kept = frame.fields.filter(
    (field) => excluded[field.name] !== true && excluded[baseName(field)] !== true && isIncluded(field),
  );
  const place = (field: Field, index: number): number =>
    Number(order[field.name] ?? order[baseName(field)] ?? index + 1e6);
  const placed = kept.map((field, index) => ({ field, at: place(field, index) })).sort((a, b) => a.at - b.at);
  return {
    ...frame,
    fields: placed.map(({ field }) => renamed(field, text(names[field.name]) || text(names[baseName(field)]))),
  };
}

function renamed(field: Field, name: string): Field {
  return name ? { ...field, name, title: name } : field;
}

function renamedByRegex(frame: Frame, options: Options): Frame {
  const pattern = regularExpression(text(options.regex));
  return {
    ...frame,
    fields: frame.fields.map((field) =>
      field.kind === "time" ? field : renamed(field, baseName(field).replace(pattern, text(options.renamePattern))),
    ),
  };
}

function filtered(frame: Frame, options: Options): Frame {
  const include = record(options.include),
    exclude = record(options.exclude);
  const fits = (field: Field, wanted: Record<string, unknown>): boolean =>
    (Array.isArray(wanted.names) && wanted.names.some((name) => isNamed(field, text(name)))) ||
    (text(wanted.pattern) !== "" && regularExpression(text(wanted.pattern)).test(baseName(field)));
  const isLimited = Object.keys(include).length > 0;
  return {
    ...frame,
    fields: frame.fields.filter((field) => (!isLimited || fits(field, include)) && !fits(field, exclude)),
  };
}

/** One frame with a column for each field of all frames, rows joined by a field that all have. */
function joined(frames: readonly Frame[], by: string | undefined, isInner: boolean): Frame[] {
  const keyOf = (frame: Frame): Field | undefined =>
    frame.fields.find((field) => (by === undefined ? field.kind === "time" : isNamed(field, by)));
  const joinable = frames.filter((frame) => keyOf(frame));
  if (joinable.length < 2) return [...frames];
  const places = joinable.map((frame) => new Map(keyOf(frame)!.values.map((value, index) => [value, index] as const)));
  const keys = [...new Set(joinable.flatMap((frame) => keyOf(frame)!.values))].filter(
    (key) => !isInner || places.every((place) => place.has(key)),
  );
  keys.sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0));
  const fields = joinable.flatMap((frame, index) =>
    frame.fields
      .filter((field) => field !== keyOf(frame))
      .map((field) => ({
        ...field,
        values: keys.map((key) => {
          const row = places[index]!.get(key);
          return row === undefined ? null : (field.values[row] ?? null);
        }),
      })),
  );
  return [{ refId: joinable[0]!.refId, fields: [{ ...keyOf(joinable[0]!)!, values: keys }, ...fields] }];
}

/** Labels as columns beside the values. */
function withLabels(frame: Frame, options: Options): Frame {
  const kept = Array.isArray(options.keepLabels) ? options.keepLabels.map(text) : undefined,
    valueLabel = text(options.valueLabel);
  const labels = new Map<string, string>();
  for (const field of frame.fields)
    for (const [name, value] of Object.entries(field.labels)) if (!kept || kept.includes(name)) labels.set(name, value);
  const title = labels.get(valueLabel);
  labels.delete(valueLabel);
  const columns = [...labels].map(([name, value]): Field => ({
    name,
    kind: "string",
    labels: {},
    values: indices(frame).map(() => value),
  }));
  const times = frame.fields.filter(({ kind }) => kind === "time"),
    others = frame.fields.filter(({ kind }) => kind !== "time");
  return {
    ...frame,
    fields: [
      ...times,
      ...columns,
      ...others.map(({ title: _, ...field }) => ({ ...field, labels: {}, ...(title ? { name: title } : {}) })),
    ],
  };
}

/** A row for each field with its calculations, or each field brought down to one value. */
function reduced(frames: readonly Frame[], options: Options): Frame[] {
  const calculations = Array.isArray(options.reducers) ? options.reducers.map(text) : ["max"];
  if (options.mode === "reduceFields") {
    return frames.map((frame) => ({
      ...frame,
      fields: frame.fields
        .filter(({ kind }) => kind === "number")
        .map((field) => ({ ...field, values: [calculate(calculations[0]!, numbers(field))] })),
    }));
  }
  const fields = frames.flatMap((frame) => frame.fields.filter(({ kind }) => kind === "number"));
  if (fields.length === 0) return [];
  const names: Field = { name: "Field", kind: "string", labels: {}, values: fields.map(baseName) };
  const labelNames =
    options.labelsToFields === true ? [...new Set(fields.flatMap(({ labels }) => Object.keys(labels)))] : [];
  const labels = labelNames.map((name): Field => ({
    name,
    kind: "string",
    labels: {},
    values: fields.map((field) => field.labels[name] ?? ""),
  }));
  const columns = calculations.map((id): Field => ({
    name: calculationTitle(id),
    kind: "number",
    labels: {},
    values: fields.map((field) => calculate(id, numbers(field))),
  }));
  return [{ refId: frames[0]!.refId, fields: [names, ...labels, ...columns] }];
}

/** Time, name and value of every series below each other, newest first. */
function stacked(frames: readonly Frame[]): Frame {
  const all = frames
    .flatMap((frame) => {
      const times = frame.fields.find(({ kind }) => kind === "time");
      return frame.fields
        .filter(({ kind }) => kind === "number")
        .flatMap((field) =>
          field.values.map((value, index) => ({ at: times?.values[index] ?? null, metric: baseName(field), value })),
        );
    })
    .filter(({ value }) => value !== null)
    .sort((a, b) => Number(b.at) - Number(a.at));
  return {
    refId: frames[0]!.refId,
    fields: [
      { name: "Time", kind: "time", labels: {}, values: all.map(({ at }) => at) },
      { name: "Metric", kind: "string", labels: {}, values: all.map(({ metric }) => metric) },
      { name: "Value", kind: "number", labels: {}, values: all.map(({ value }) => value) },
    ],
  };
}

/** Which of two cells is first, ascending or descending; nothing is last either way. */
export function compareCells(a: Cell, b: Cell, isDescending = false): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order =
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  return isDescending ? -order : order;
}

function sorted(frame: Frame, options: Options): Frame {
  const by = record(Array.isArray(options.sort) ? options.sort[0] : undefined),
    field = frame.fields.find((one) => isNamed(one, text(by.field)));
  if (!field) return frame;
  const order = indices(frame).sort(
    (a, b) => compareCells(field.values[a]!, field.values[b]!, by.desc === true) || a - b,
  );
  return rows(frame, order);
}
