/** Panels of single values: stat, gauge, bars. */
import { BarGauge, type BarGaugeProps } from "../../charts/bar-gauge.tsx";
import { useCanvasColours } from "../../charts/canvas-colours.ts";
import { Gauge } from "../../charts/gauge.tsx";
import { Sparkline } from "../../charts/sparkline.tsx";
import { formatOf } from "../../units.ts";
import { onColour, readable } from "../colours.ts";
import { type Display, shownText, thresholdSteps } from "../fields.ts";
import { dataLinks } from "../links.ts";
import { type Reduced, reducedValues } from "../reduced.ts";
import { useView } from "../view.ts";
import type { PanelProps } from "./panel-props.ts";

interface StatOptions {
  colorMode?: "none" | "value" | "background" | "background_solid";
  graphMode?: "none" | "area";
  textMode?: "auto" | "value" | "value_and_name" | "name" | "none";
  justifyMode?: "auto" | "center";
  orientation?: "auto" | "horizontal" | "vertical";
  showPercentChange?: boolean;
  percentChangeColorMode?: "standard" | "inverted" | "same_as_value";
}

/** Tiles, as many beside each other as makes them largest. */
export function StatPanel({ panel, data, scope, size }: PanelProps) {
  const values = reducedValues(panel, data.frames, scope),
    options = (panel.options ?? {}) as StatOptions;
  const columns = columnsFor(values.length, size, options.orientation ?? "auto");
  return (
    <ul class="stats" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      {values.map((value, index) => (
        <Tile key={index} reduced={value} options={options} isNamed={values.length > 1} />
      ))}
    </ul>
  );
}

/** How many tiles stand beside each other so that the smaller of a tile's sides is largest. */
function columnsFor(
  count: number,
  { width, height }: { width: number; height: number },
  orientation: string,
): number {
  if (orientation === "horizontal") return 1;
  if (orientation === "vertical") return Math.max(1, count);
  let best = 1,
    most = 0;
  for (let columns = 1; columns <= count; columns++) {
    const room = Math.min(width / columns / 2.4, height / Math.ceil(count / columns));
    if (room > most) [best, most] = [columns, room];
  }
  return best;
}

function Tile({
  reduced: { name, display, shown, values, change },
  options,
  isNamed,
}: {
  reduced: Reduced;
  options: StatOptions;
  isNamed: boolean;
}) {
  const { surface } = useCanvasColours(),
    { timing } = useView(),
    links = useLinks({ display, shown });
  const {
    colorMode = "value",
    graphMode = "area",
    textMode = "auto",
    justifyMode = "auto",
    showPercentChange = false,
    percentChangeColorMode = "standard",
  } = options;
  const isBack = colorMode.startsWith("background"),
    colour = display.colour ?? shown.colour,
    isName = textMode === "name";
  const hasName = textMode === "value_and_name" || isName || (textMode === "auto" && isNamed),
    hasValue = textMode !== "none" && !isName;
  const text = isBack ? onColour(colour) : colorMode === "none" ? "var(--text)" : readable(colour, surface);
  const length = shownText(display).length || 1,
    lines = 1 + Number(hasName) * 0.6 + Number(showPercentChange) * 0.6;
  const style = {
    color: text,
    ...(isBack ? { background: colour } : {}),
    "--value-size": `min(${(60 / lines).toFixed(1)}cqh, ${(150 / Math.max(4, length)).toFixed(1)}cqw)`,
  };
  const hasGraph = graphMode === "area" && values.length > 1;
  return (
    <li
      class={`stat ${justifyMode === "center" || (justifyMode === "auto" && !isNamed) ? "centred" : ""}`}
      style={style}
      data-series={name}
      data-value={display.value ?? ""}
    >
      {hasGraph && <Sparkline values={values} colour={isBack ? onColour(colour) : colour} />}
      <div class="stat-text">
        {hasName && (
          <div class="name" title={name}>
            {name}
          </div>
        )}
        {hasValue && (
          <div class="value">
            {links[0] ? (
              <a href={links[0].href}>
                <Parts display={display} />
              </a>
            ) : (
              <Parts display={display} />
            )}
          </div>
        )}
        {showPercentChange && change !== null && (
          <div class={`change ${changeColour(change, percentChangeColorMode)}`} title={`Since ${timing.from}`}>
            {change >= 0 ? "▲" : "▼"} {formatOf("percentunit")(Math.abs(change), 1)}
          </div>
        )}
      </div>
    </li>
  );
}

function useLinks({ display, shown }: { display: Display; shown: Reduced["shown"] }) {
  const {
    timing: { from, to },
  } = useView();
  return dataLinks(shown.config.links ?? [], { shown, value: display.value }, {}, { from, to });
}

const Parts = ({ display: { prefix, text, suffix } }: { display: Display }) => (
  <>
    {prefix && <small>{prefix}</small>}
    {text || "–"}
    {suffix && <small>{suffix}</small>}
  </>
);

function changeColour(change: number, mode: string): string {
  if (mode === "same_as_value" || change === 0) return "";
  return change > 0 === (mode === "standard") ? "good" : "bad";
}

export function GaugePanel({ panel, data, scope, size }: PanelProps) {
  const { surface } = useCanvasColours(),
    values = reducedValues(panel, data.frames, scope);
  const {
    showThresholdMarkers = true,
    showThresholdLabels = false,
    orientation = "auto",
  } = (panel.options ?? {}) as { showThresholdMarkers?: boolean; showThresholdLabels?: boolean; orientation?: string };
  const columns = columnsFor(values.length, size, orientation);
  return (
    <ul class="stats gauges" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      {values.map(({ name, display, shown }, index) => {
        const { min, max, config } = gaugeEnds(shown),
          colour = display.colour ?? shown.colour;
        return (
          <li key={index} data-series={name} data-value={display.value ?? ""}>
            <Gauge
              {...(values.length > 1 ? { name } : {})}
              text={shownText(display)}
              value={display.value}
              min={min}
              max={max}
              colour={colour}
              textColour={readable(colour, surface)}
              {...(showThresholdMarkers ? { steps: thresholdSteps(config.thresholds, min, max) } : {})}
              {...(showThresholdLabels ? { stepText: (value: number) => shown.format(value) } : {})}
            />
          </li>
        );
      })}
    </ul>
  );
}

/** Gauges and bars end at 0 and 100, or at the least and the greatest value where those are further out. */
function gaugeEnds(shown: Reduced["shown"]): Pick<Reduced["shown"], "min" | "max" | "config"> {
  const { config } = shown,
    isShare = config.unit === "percentunit";
  return {
    min: config.min ?? Math.min(0, shown.min),
    max: config.max ?? (isShare ? 1 : config.unit === "percent" ? 100 : Math.max(shown.max, 0)),
    config,
  };
}

export function BarGaugePanel({ panel, title, data, scope, size }: PanelProps) {
  const { surface } = useCanvasColours(),
    options = (panel.options ?? {}) as {
      displayMode?: BarGaugeProps["mode"];
      orientation?: string;
      valueMode?: BarGaugeProps["textMode"];
      namePlacement?: string;
      showUnfilled?: boolean;
    };
  const {
    displayMode = "gradient",
    orientation = "auto",
    valueMode = "color",
    namePlacement = "auto",
    showUnfilled = true,
  } = options;
  const isVertical = orientation === "vertical" || (orientation === "auto" && size.width < size.height);
  const bars = reducedValues(panel, data.frames, scope).map(({ name, display, shown }) => {
    const { min, max, config } = gaugeEnds(shown),
      colour = display.colour ?? shown.colour;
    return {
      name,
      text: shownText(display),
      value: display.value,
      min,
      max,
      colour,
      textColour: readable(colour, surface),
      steps: thresholdSteps(config.thresholds, min, max),
    };
  });
  const placement = namePlacement === "auto" ? "left" : (namePlacement as BarGaugeProps["namePlacement"]);
  return (
    <BarGauge
      label={title}
      bars={bars}
      isVertical={isVertical}
      mode={displayMode}
      textMode={valueMode}
      namePlacement={placement}
      showsRest={showUnfilled}
    />
  );
}
