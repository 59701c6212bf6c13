/** The part of Grafana's dashboard JSON that the console reads; `supported.ts` says which values of it are drawn. */

export interface DataSourceRef {
  type?: string;
  uid?: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  tags?: string[];
  time?: { from: string; to: string };
  refresh?: string | false;
  /** 0: each panel has its own cursor, 1: shared cursor, 2: shared tooltip. */
  graphTooltip?: number;
  panels: Panel[];
  templating?: { list?: Variable[] | null } | null;
  annotations?: { list?: AnnotationQuery[] | null } | null;
  links?: DashboardLink[] | null;
}

export interface DashboardLink {
  title: string;
  type?: string;
  url?: string;
  tags?: string[];
  tooltip?: string;
  asDropdown?: boolean;
  keepTime?: boolean;
  includeVars?: boolean;
  targetBlank?: boolean;
}
export interface DataLink {
  title: string;
  url: string;
  targetBlank?: boolean;
  keepTime?: boolean;
  includeVars?: boolean;
}

export interface VariableOption {
  text?: string | string[];
  value?: string | string[];
  selected?: boolean;
}
export interface Variable {
  name: string;
  type: string;
  label?: string | null;
  description?: string | null;
  query?: string | Record<string, unknown> | null;
  definition?: string;
  datasource?: DataSourceRef | string | null;
  current?: VariableOption | null;
  options?: VariableOption[] | null;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  regex?: string;
  sort?: number;
  refresh?: number | boolean;
  hide?: number;
  auto?: boolean;
  auto_count?: number;
  auto_min?: string;
  skipUrlSync?: boolean;
}

export interface AnnotationQuery {
  name: string;
  enable?: boolean;
  hide?: boolean;
  iconColor?: string;
  builtIn?: number;
  type?: string;
  datasource?: DataSourceRef | string | null;
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  target?: { expr?: string };
}

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface Target {
  refId: string;
  expr?: string;
  legendFormat?: string;
  datasource?: DataSourceRef | string | null;
  exemplar?: boolean;
  instant?: boolean;
  range?: boolean;
  format?: string;
  hide?: boolean;
  interval?: string;
  intervalFactor?: number;
  maxLines?: number;
  queryType?: string;
  resolution?: number;
}

export interface Threshold {
  value: number | null;
  color: string;
}
export interface Thresholds {
  mode?: string;
  steps?: Threshold[];
}
export interface MappingResult {
  text?: string;
  color?: string;
  index?: number;
}
export type Mapping =
  | { type: "value"; options: Record<string, MappingResult> }
  | { type: "range"; options: { from: number | null; to: number | null; result: MappingResult } }
  | { type: "regex"; options: { pattern: string; result: MappingResult } }
  | { type: "special"; options: { match: string; result: MappingResult } };

export interface FieldColour {
  mode?: string;
  fixedColor?: string;
  seriesBy?: string;
}
/** What an unset option of a panel's own is read as is up to the panel. */
export type Options = Record<string, unknown>;
export interface FieldConfig {
  displayName?: string;
  unit?: string;
  decimals?: number | null;
  min?: number | null;
  max?: number | null;
  noValue?: string;
  thresholds?: Thresholds | null;
  mappings?: Mapping[] | null;
  color?: FieldColour | null;
  links?: DataLink[] | null;
  custom?: Options | null;
}
export interface Override {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
}
export interface Transformation {
  id: string;
  options?: Options | null;
  disabled?: boolean;
}

export interface Panel {
  id?: number;
  type: string;
  title?: string;
  description?: string;
  gridPos?: GridPos;
  collapsed?: boolean;
  /** Of a collapsed row. */
  panels?: Panel[] | null;
  datasource?: DataSourceRef | string | null;
  targets?: Target[] | null;
  options?: Options | null;
  fieldConfig?: { defaults?: FieldConfig | null; overrides?: Override[] | null } | null;
  transformations?: Transformation[] | null;
  links?: DataLink[] | null;
  repeat?: string | null;
  repeatDirection?: string;
  maxPerRow?: number;
  interval?: string | null;
  maxDataPoints?: number | null;
  timeFrom?: string | null;
  timeShift?: string | null;
  hideTimeOverride?: boolean;
  transparent?: boolean;
}
