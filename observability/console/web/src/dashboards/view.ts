/** What all panels of a dashboard share. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Annotation } from "../charts/layers.ts";
import type { Timing } from "../components/time-range.tsx";
import type { Place } from "../router.ts";
import type { Dashboard } from "./json.ts";

export interface View {
  dashboard: Dashboard;
  place: Place;
  timing: Timing;
  annotations: readonly Annotation[];
  /** Names of variables that have a value. */
  variables: readonly string[];
}
const ViewContext = createContext<View | undefined>(undefined);
export const ViewProvider = ViewContext.Provider;

export function useView(): View {
  const view = useContext(ViewContext);
  if (!view) throw new Error("There is no dashboard around this panel");
  return view;
}
