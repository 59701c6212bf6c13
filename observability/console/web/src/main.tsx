import "uplot/dist/uPlot.min.css";
import "./styles/main.css";
import { render } from "preact";
import { Console } from "./console.tsx";
import { applyTheme } from "./preferences.ts";

applyTheme();
render(<Console />, document.getElementById("console")!);
