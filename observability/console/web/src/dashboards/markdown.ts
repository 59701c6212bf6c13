/** The little of Markdown that text panels use, as a tree that is drawn as text, never as HTML. */

export type Inline =
  string | { kind: "strong" | "em" | "code"; text: string } | { kind: "link"; text: string; href: string };
export type Block =
  | { kind: "heading"; level: number; inlines: Inline[] }
  | { kind: "paragraph"; inlines: Inline[] }
  | { kind: "list"; isOrdered: boolean; items: Inline[][] }
  | { kind: "code"; text: string };

const INLINE =
  /`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*|(?<!\w)_([^_]+)_(?!\w)|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) found.push(text.slice(end, match.index));
    const [whole, code, strong, star, underline, label, href] = match;
    if (code) found.push({ kind: "code", text: code });
    else if (strong) found.push({ kind: "strong", text: strong });
    else if (star ?? underline) found.push({ kind: "em", text: (star ?? underline)! });
    else found.push({ kind: "link", text: label!, href: href! });
    end = match.index + whole.length;
  }
  if (end < text.length) found.push(text.slice(end));
  return found;
}

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  const fenced = text.replace(/\r\n/g, "\n").split(/^```.*$/m);
  fenced.forEach((part, index) => {
    if (index % 2 === 1) found.push({ kind: "code", text: part.replace(/^\n|\n$/g, "") });
    else for (const paragraph of part.split(/\n{2,}/)) found.push(...blocksOf(paragraph.trim()));
  });
  return found;
}

function blocksOf(paragraph: string): Block[] {
  if (paragraph === "") return [];
  const lines = paragraph.split("\n"),
    heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]!);
  if (heading)
    return [
      { kind: "heading", level: heading[1]!.length, inlines: inlines(heading[2]!) },
      ...blocksOf(lines.slice(1).join("\n")),
    ];
  const item = /^\s*(?:[-*+]|\d+[.)])\s+/;
  if (item.test(lines[0]!)) {
    const items: string[] = [];
    for (const line of lines) {
      if (item.test(line)) items.push(line.replace(item, ""));
      else items[items.length - 1] += ` ${line.trim()}`;
    }
    return [{ kind: "list", isOrdered: /^\s*\d/.test(lines[0]!), items: items.map(inlines) }];
  }
  const stop = lines.findIndex((line, index) => index > 0 && (item.test(line) || /^#{1,6}\s/.test(line)));
  const own = stop < 0 ? lines : lines.slice(0, stop);
  return [
    { kind: "paragraph", inlines: inlines(own.join(" ")) },
    ...(stop < 0 ? [] : blocksOf(lines.slice(stop).join("\n"))),
  ];
}
