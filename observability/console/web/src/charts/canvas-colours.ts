/** Colours of the style sheet, for a canvas, which cannot use its variables. */
import { useEffect, useState } from "preact/hooks";
import { usePreferences } from "../preferences.ts";

export interface CanvasColours {
  text: string;
  line: string;
  surface: string;
  accent: string;
  isDark: boolean;
}

function read(): CanvasColours {
  const style = getComputedStyle(document.documentElement),
    of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: of("--faint"),
    line: of("--line"),
    surface: of("--surface"),
    accent: of("--accent"),
    isDark: style.colorScheme === "dark",
  };
}

/** The colours, followed when the theme changes, here or in the system. */
export function useCanvasColours(): CanvasColours {
  const { theme } = usePreferences(),
    [colours, set] = useState(read);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)"),
      change = (): void => set(read());
    change();
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, [theme]);
  return colours;
}
