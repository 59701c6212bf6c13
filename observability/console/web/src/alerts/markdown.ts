/** The Markdown of the runbook's sections, as far as they use it: paragraphs, code, links. */

export type Inline = { kind: "text"; text: string } | { kind: "code"; text: string } | { kind: "link"; text: string; target: string };
export type Block = { kind: "paragraph"; inlines: Inline[] } | { kind: "code"; text: string };

const INLINE = /`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g;

/** The blocks of a text; what is no paragraph and no fenced code stays as it is written. */
export function blocks(markdown: string): Block[] {
  return markdown.split(/^(```[^\n]*\n[\s\S]*?^```)[^\S\n]*$/m).flatMap((part): Block[] => {
    if (part.startsWith("```")) return [{ kind: "code", text: part.replace(/^```[^\n]*\n/, "").replace(/\n?```$/, "") }];
    const paragraphs = part.split(/\n\s*\n/).map((text) => text.trim()).filter((text) => text !== "");
    return paragraphs.map((text) => ({ kind: "paragraph", inlines: inlines(text.replace(/\s*\n\s*/g, " ")) }));
  });
}

/** The parts of a line of text. */
export function inlines(text: string): Inline[] {
  const found: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) found.push({ kind: "text", text: text.slice(end, match.index) });
    const [whole, code, label = "", target = ""] = match;
    found.push(code === undefined ? { kind: "link", text: label, target } : { kind: "code", text: code.replace(/\\\|/g, "|") });
    end = match.index + whole.length;
  }
  if (end < text.length) found.push({ kind: "text", text: text.slice(end) });
  return found;
}

/** What a section says to do: the text behind "What to do:", to the end of its paragraph; all of it where nothing says so. */
export function whatToDo(section: string): string {
  const paragraph = section.split(/\n\s*\n/).find((text) => text.includes("What to do:"));
  const text = paragraph?.slice(paragraph.indexOf("What to do:") + "What to do:".length) ?? section;
  return text.replace(/\s*\n\s*/g, " ").trim();
}

/** The section that an alert's annotation names: `docs/operate.md#hopdown` is `hopdown`. */
export const anchorOf = (runbook: string | undefined): string | undefined => /#([a-z0-9][a-z0-9_-]*)$/.exec(runbook ?? "")?.[1];
