/** All dashboards. */
import { EmptyNote, ErrorNote } from "../components/notes.tsx";
import { go, href, type Place } from "../router.ts";
import { dashboards } from "../stores/platform.ts";
import { useAnswer } from "../use-answer.ts";

export function DashboardsPage({ place }: { place: Place }) {
  const { answer, error, isLoading } = useAnswer(dashboards, []),
    search = place.query.get("find") ?? "";
  const found = (answer ?? []).filter(({ title, tags }) =>
    [title, ...tags].some((text) => text.toLowerCase().includes(search.toLowerCase())),
  );
  return (
    <>
      <div class="bar">
        <h1>Dashboards</h1>
        <input
          type="search"
          aria-label="Find a dashboard"
          placeholder="Find"
          value={search}
          onInput={(event) => go({ find: event.currentTarget.value }, { replace: true })}
        />
      </div>
      <ErrorNote error={error} />
      {isLoading && !answer && <p class="note loading">Loading</p>}
      {answer && found.length === 0 && (
        <EmptyNote>{search ? `No dashboard is called or tagged ${search}` : "There are no dashboards"}</EmptyNote>
      )}
      <ul class="dashboards">
        {found.map(({ uid, title, tags }) => (
          <li key={uid} class="card">
            <a href={href({ path: `/d/${uid}` })}>{title}</a>{" "}
            {tags.map((tag) => (
              <span key={tag} class="tag">
                {tag}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </>
  );
}
