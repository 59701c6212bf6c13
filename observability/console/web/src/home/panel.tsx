/** A part of the home page: a title that leads on, and what cannot be told. */
import type { ComponentChildren } from "preact";
import { ErrorNote } from "../components/notes.tsx";

export interface PanelProps {
  title: string;
  /** Where there is more of it. */
  more?: { text: string; href: string };
  errors?: readonly (Error | undefined)[];
  area: string;
  children: ComponentChildren;
}

export function Panel({ title, more, errors = [], area, children }: PanelProps) {
  return <section class={`card home-panel home-${area}`} aria-label={title}>
    <header><h2>{title}</h2>{more && <a href={more.href}>{more.text}</a>}</header>
    {errors.map((error) => error && <ErrorNote key={error.message} error={error} />)}
    <div class="home-content" tabIndex={0} role="group" aria-label={`${title}, content`}>
      {children ?? (errors.some(Boolean) ? null : <p class="faint none-there">Asking …</p>)}
    </div>
  </section>;
}
