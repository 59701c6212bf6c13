/** Which page an address shows, and what the menu offers. */
import type { ComponentChild } from "preact";
import { AlertsPage } from "./alerts/page.tsx";
import { DashboardsPage } from "./dashboards/list-page.tsx";
import { DashboardPage } from "./dashboards/page.tsx";
import { HomePage } from "./home/page.tsx";
import { LogsPage } from "./logs/logs-page.tsx";
import { MapPage } from "./map/page.tsx";
import { ApiPage } from "./api/api-page.tsx";
import { OperatePage } from "./operate/operate-page.tsx";
import { RioPage } from "./rio/rio-page.tsx";
import type { Place } from "./router.ts";
import { ComparePage } from "./traces/compare-page.tsx";
import { SearchPage } from "./traces/search-page.tsx";
import { TracePage } from "./traces/trace-page.tsx";

export interface Page {
  /** The browser's title, until the page has one of its own, and the menu's word. */
  title: string;
  /** The path of the menu's link, and what a path begins with where no other page fits better. */
  path: string;
  /** Two keys that open it; none for pages that are reached from others, and are not in the menu. */
  keys?: string;
  /** The path of the page in the menu that this one belongs to. */
  under?: string;
  show: (rest: string, place: Place) => ComponentChild;
}

export const PAGES: readonly Page[] = [
  { title: "Home", path: "/", keys: "g h", show: (_rest, place) => <HomePage place={place} /> },
  { title: "Dashboards", path: "/dashboards", keys: "g d", show: (_rest, place) => <DashboardsPage place={place} /> },
  { title: "Dashboard", path: "/d", under: "/dashboards", show: (uid, place) => <DashboardPage uid={uid} place={place} /> },
  { title: "Traces", path: "/traces", keys: "g t", show: (_rest, place) => <SearchPage place={place} /> },
  { title: "Logs", path: "/logs", keys: "g l", show: (_rest, place) => <LogsPage place={place} /> },
  { title: "Compare traces", path: "/compare", under: "/traces", show: (_rest, place) => <ComparePage place={place} /> },
  { title: "Trace", path: "/trace", under: "/traces", show: (id, place) => <TracePage id={id} place={place} /> },
  { title: "Map", path: "/map", keys: "g m", show: (_rest, place) => <MapPage place={place} /> },
  { title: "Alerts", path: "/alerts", keys: "g a", show: (_rest, place) => <AlertsPage place={place} /> },
  { title: "Rio", path: "/rio", keys: "g r", show: (rest, place) => <RioPage rest={rest} place={place} /> },
  { title: "API", path: "/api", keys: "g p", show: (_, place) => <ApiPage place={place} /> },
  { title: "Operate mode", path: "/operate", show: () => <OperatePage /> },
];

/** The page of a path, and what of the path is its own to read. */
export function pageOf(path: string): { page: Page; rest: string } | undefined {
  const fitting = PAGES.filter((page) => path === page.path || (page.path !== "/" && path.startsWith(`${page.path}/`)));
  const page = fitting.sort((a, b) => b.path.length - a.path.length)[0];
  return page && { page, rest: decoded(path.slice(page.path.length + 1)) };
}

/** What a part of a path stands for; as it is where it is quoted wrongly. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
