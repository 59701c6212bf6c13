/** Links of values, panels and dashboards, with variables put in. */
import type { ChartLink } from "../charts/curves.ts";
import { href } from "../router.ts";
import { baseName, type ShownField, shownText } from "./fields.ts";
import type { Cell } from "./frames.ts";
import { interpolate, type Scope } from "./interpolation.ts";
import type { DataLink } from "./json.ts";

/** The value that a link is of, with the row that it stands in. */
export interface LinkOf {
  shown: ShownField;
  value: Cell;
  at?: number;
  row?: readonly { name: string; value: Cell }[];
}

/** An address of the console or of the web; undefined for any other scheme, and for what is no address. */
export function safeAddress(address: string): string | undefined {
  try {
    const url = new URL(address, location.origin);
    return url.protocol === "http:" || url.protocol === "https:"
      ? url.origin === location.origin
        ? url.pathname + url.search + url.hash
        : url.href
      : undefined;
  } catch {
    return undefined;
  }
}

/** Parameters of an address that are lists of a scope's variables, `var-name=value`. */
export function variableParameters(scope: Scope): string {
  return Object.entries(scope)
    .filter(([name]) => !name.startsWith("__"))
    .flatMap(([name, { values, isAll }]) =>
      (isAll ? ["$__all"] : values).map((value) => `var-${name}=${encodeURIComponent(value)}`),
    )
    .join("&");
}

const encoded = (value: unknown): string =>
  encodeURIComponent(value === null || value === undefined ? "" : String(value));

/** The address of a data link for a value. */
function dataLinkAddress(
  url: string,
  of: LinkOf | undefined,
  scope: Scope,
  range: { from: string; to: string },
): string {
  const time = `from=${encoded(range.from)}&to=${encoded(range.to)}`;
  const own = url
    .replace(/\$\{(__[\w.[\]"]+)(?::\w+)?\}/g, (whole, path: string) => {
      if (path === "__url_time_range") return time;
      if (path === "__all_variables") return variableParameters(scope);
      const found = of && valueAt(path, of);
      return found === undefined ? whole : encoded(found);
    })
    .replace(/\$(__url_time_range|__all_variables)\b/g, (_, name: string) =>
      name === "__url_time_range" ? time : variableParameters(scope),
    );
  return interpolate(own, scope, "link");
}

function valueAt(path: string, { shown, value, at, row = [] }: LinkOf): unknown {
  const { field } = shown;
  const label = /^__(?:field|series)\.labels(?:\.(\w+)|\["?([^"\]]+)"?\])$/.exec(path);
  if (label) return field.labels[label[1] ?? label[2]!] ?? "";
  const column = /^__data\.fields(?:\.(\w+)|\["?([^"\]]+)"?\])(?:\.(\w+))?$/.exec(path);
  if (column) {
    const name = column[1] ?? column[2]!,
      found = /^\d+$/.test(name) ? row[Number(name)] : row.find((one) => one.name === name);
    return found?.value ?? "";
  }
  switch (path) {
    case "__field.name":
    case "__series.name":
    case "__field.displayName":
      return shown.name || baseName(field);
    case "__value.raw":
    case "__value.numeric":
    case "__value":
      return value;
    case "__value.text":
      return shownText(shown.display(value));
    case "__value.time":
      return at;
    default:
      return undefined;
  }
}

/** The links of a value; those that lead nowhere safe are left out. */
export function dataLinks(
  links: readonly DataLink[],
  of: LinkOf | undefined,
  scope: Scope,
  range: { from: string; to: string },
): ChartLink[] {
  return links.flatMap(({ title, url, targetBlank, keepTime, includeVars }) => {
    const address = safeAddress(dataLinkAddress(url, of, scope, range));
    if (address === undefined) return [];
    const isOwn = address.startsWith("/"),
      withVariables =
        includeVars && isOwn ? `${address}${address.includes("?") ? "&" : "?"}${variableParameters(scope)}` : address;
    return [
      {
        title: title || address,
        href: isOwn ? href({ path: withVariables, keepTime: keepTime !== false }) : address,
        ...(targetBlank ? { isNewTab: true } : {}),
      },
    ];
  });
}
