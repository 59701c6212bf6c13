/** A panel of words. */
import { interpolate } from "../interpolation.ts";
import { safeAddress } from "../links.ts";
import { type Block, blocks, type Inline } from "../markdown.ts";
import type { PanelProps } from "./panel-props.ts";

export function TextPanel({ panel, title, scope }: Pick<PanelProps, "panel" | "title" | "scope">) {
  const { mode = "markdown", content = "" } = (panel.options ?? {}) as { mode?: string; content?: string },
    text = interpolate(content, scope, "title");
  return (
    <div class="text-panel" tabIndex={0} role="group" aria-label={title || "Text"}>
      {mode === "markdown" ? (
        blocks(text).map((block, index) => <TextBlock key={index} block={block} />)
      ) : (
        <pre>{text}</pre>
      )}
    </div>
  );
}

function TextBlock({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return block.level < 3 ? (
        <h3>
          <Inlines inlines={block.inlines} />
        </h3>
      ) : (
        <h4>
          <Inlines inlines={block.inlines} />
        </h4>
      );
    case "code":
      return <pre>{block.text}</pre>;
    case "paragraph":
      return (
        <p>
          <Inlines inlines={block.inlines} />
        </p>
      );
    case "list": {
      const items = block.items.map((item, index) => (
        <li key={index}>
          <Inlines inlines={item} />
        </li>
      ));
      return block.isOrdered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
  }
}

const Inlines = ({ inlines }: { inlines: readonly Inline[] }) => (
  <>
    {inlines.map((one, index) => (
      <InlineText key={index} inline={one} />
    ))}
  </>
);

function InlineText({ inline }: { inline: Inline }) {
  if (typeof inline === "string") return <>{inline}</>;
  switch (inline.kind) {
    case "strong":
      return <strong>{inline.text}</strong>;
    case "em":
      return <em>{inline.text}</em>;
    case "code":
      return <code>{inline.text}</code>;
    case "link": {
      const address = safeAddress(inline.href);
      return address ? <a href={address}>{inline.text}</a> : <>{inline.text}</>;
    }
  }
}
