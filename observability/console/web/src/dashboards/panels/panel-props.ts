/** What a kind of panel is given to draw. */
import type { Size } from "../../charts/size.ts";
import type { PanelData } from "../ask.ts";
import type { Scope } from "../interpolation.ts";
import type { Panel } from "../json.ts";

export interface PanelProps {
  panelKey: string;
  panel: Panel;
  title: string;
  data: PanelData;
  scope: Scope;
  size: Size;
}
