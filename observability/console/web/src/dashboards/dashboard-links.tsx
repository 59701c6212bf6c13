/** Links of a dashboard: to other dashboards by their tags, and to pages. */
import { useState } from "preact/hooks";
import type { Timing } from "../components/time-range.tsx";
import { href } from "../router.ts";
import { dashboards } from "../stores/platform.ts";
import { useAnswer } from "../use-answer.ts";
import type { Scope } from "./interpolation.ts";
import type { DashboardLink } from "./json.ts";
import { dataLinks, variableParameters } from "./links.ts";

interface LinksProps {
  links: readonly DashboardLink[];
  current: string;
  scope: Scope;
  timing: Timing;
}

export function DashboardLinks({ links, ...rest }: LinksProps) {
  return (
    <>
      {links.map((link, index) =>
        link.type === "dashboards" ? (
          <TaggedDashboards key={index} link={link} {...rest} />
        ) : (
          <PageLink key={index} link={link} {...rest} />
        ),
      )}
    </>
  );
}

function PageLink({ link, scope, timing: { from, to } }: Omit<LinksProps, "links"> & { link: DashboardLink }) {
  const [found] = dataLinks(
    [
      {
        title: link.title,
        url: link.url ?? "",
        ...(link.targetBlank ? { targetBlank: true } : {}),
        keepTime: link.keepTime ?? false,
        includeVars: link.includeVars ?? false,
      },
    ],
    undefined,
    scope,
    { from, to },
  );
  return found ? (
    <a
      href={found.href}
      title={link.tooltip || undefined}
      {...(found.isNewTab ? { target: "_blank", rel: "noopener" } : {})}
    >
      {found.title}
    </a>
  ) : null;
}

function TaggedDashboards({
  link: { title, tags = [], asDropdown, keepTime, includeVars, targetBlank },
  current,
  scope,
}: Omit<LinksProps, "links"> & { link: DashboardLink }) {
  const { answer = [] } = useAnswer(dashboards, []),
    [isOpen, setOpen] = useState(false);
  const fitting = answer.filter((entry) => tags.every((tag) => entry.tags.includes(tag)));
  const addressOf = (uid: string): string =>
    href({ path: `/d/${uid}${includeVars ? `?${variableParameters(scope)}` : ""}`, keepTime: keepTime ?? false });
  const items = fitting.map(({ uid, title: name }) => (
    <a
      key={uid}
      href={addressOf(uid)}
      aria-current={uid === current ? "page" : undefined}
      {...(targetBlank ? { target: "_blank" } : {})}
      onClick={() => setOpen(false)}
    >
      {name}
    </a>
  ));
  if (!asDropdown) return <>{items}</>;
  return (
    <span
      class="dropdown"
      onKeyDown={(event) => {
        if (event.key === "Escape") setOpen(false);
      }}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <button aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {title} ▾
      </button>
      {isOpen && <span class="popup">{items}</span>}
    </span>
  );
}
