/** The frame of every page: menu, preferences, keys. */
import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import { EmptyNote, ErrorNote } from "./components/notes.tsx";
import { OperateBanner } from "./operate/banner.tsx";
import { PAGES, pageOf } from "./pages.tsx";
import { prefer, type Theme, usePreferences } from "./preferences.ts";
import { followLinks, go, href, type Place, usePlace } from "./router.ts";
import * as platform from "./stores/platform.ts";
import { useAnswer } from "./use-answer.ts";

export function Console() {
  const place = usePlace(), { zone, theme } = usePreferences(), [isMenuOpen, setMenuOpen] = useState(false);
  useMenuKeys();
  useEffect(() => setMenuOpen(false), [place.path]);
  return <div class="console" onClick={followLinks}>
    <a class="skip" href="#content">Skip to content</a>
    <header class="top">
      <button class="menu-button" aria-expanded={isMenuOpen} aria-controls="menu" onClick={() => setMenuOpen(!isMenuOpen)}>Menu</button>
      <Menu place={place} isOpen={isMenuOpen} />
      <div class="preferences">
        <button aria-pressed={zone === "utc"} onClick={() => prefer({ zone: zone === "utc" ? "browser" : "utc" })} title="Show times in UTC">UTC</button>
        <select aria-label="Theme" value={theme} onChange={(event) => prefer({ theme: event.currentTarget.value as Theme })}>
          {["system", "light", "dark"].map((name) => <option key={name}>{name}</option>)}
        </select>
      </div>
    </header>
    <OperateBanner />
    <main id="content" tabIndex={-1} key={`${zone} ${theme}`}><Content place={place} /></main>
  </div>;
}

function Menu({ place, isOpen }: { place: Place; isOpen: boolean }) {
  const { answer } = useAnswer(platform.instance, []);
  const current = pageOf(place.path)?.page;
  return <nav id="menu" aria-label="Pages" class={isOpen ? "open" : ""}>
    <a class="name" href="/">nextphase{answer && answer.instance !== "default" && <small> {answer.instance}</small>}</a>
    {PAGES.filter((page) => page.keys && page.path !== "/").map((page) =>
      <a key={page.path} href={href({ path: page.path })} aria-current={page === current || page.path === current?.under ? "page" : undefined} title={page.keys && `Keys: ${page.keys}`}>{page.title}</a>)}
  </nav>;
}

function Content({ place }: { place: Place }) {
  const found = pageOf(place.path);
  useEffect(() => { document.title = found ? `${found.page.title} · nextphase` : "nextphase"; }, [found?.page, found?.rest]);
  if (!found) return <EmptyNote>There is no page {place.path}. <a href="/">Go home</a></EmptyNote>;
  return <Guarded key={found.page.path} place={place}>{found.page.show(found.rest, place)}</Guarded>;
}

/** A page that fails while it is drawn says so in its own place, beside the menu; at another address it is tried again. */
function Guarded({ place, children }: { place: Place; children: ComponentChildren }) {
  const failedAt = useRef<Place>();
  const [error, tryAgain] = useErrorBoundary((thrown: unknown) => {
    failedAt.current = place;
    console.error(thrown);
  });
  useEffect(() => { if (error && failedAt.current !== place) tryAgain(); }, [place]);
  if (!error) return <>{children}</>;
  return <>
    <ErrorNote error={new Error(`This page cannot be drawn: ${error instanceof Error ? error.message : String(error)}`)} />
    <button onClick={tryAgain}>Try again</button>
  </>;
}

/** Pages open by two keys, such as `g t`, outside of fields. */
function useMenuKeys(): void {
  useEffect(() => {
    let before = "";
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest("input, textarea, select")) return;
      const page = PAGES.find(({ keys }) => keys === `${before} ${event.key}`);
      before = event.key;
      if (page) go({ path: page.path });
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
