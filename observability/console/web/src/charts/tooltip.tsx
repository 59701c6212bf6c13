/** What is under the cursor of a chart, in a layer that nothing clips. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const MARGIN = 14;

/** A box beside a point of the window, moved where it would leave it. Pinned, it can be reached by pointer and keys. */
export function Tooltip({
  x,
  y,
  isPinned = false,
  close,
  children,
}: {
  x: number;
  y: number;
  isPinned?: boolean;
  close?: () => void;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDivElement>(null),
    [size, set] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const { offsetWidth: width, offsetHeight: height } = box.current!;
    if (width !== size.width || height !== size.height) set({ width, height });
  });
  useLayoutEffect(() => {
    if (isPinned) box.current!.querySelector<HTMLElement>("a, button")?.focus();
  }, [isPinned]);
  const left = x + MARGIN + size.width > innerWidth ? x - MARGIN - size.width : x + MARGIN;
  const top = Math.min(Math.max(4, y - size.height / 2), Math.max(4, innerHeight - size.height - 4));
  return (
    <div
      ref={box}
      class={isPinned ? "tooltip pinned" : "tooltip"}
      role={isPinned ? "dialog" : "tooltip"}
      aria-label={isPinned ? "Values at the cursor" : undefined}
      style={{ left: `${Math.max(4, left)}px`, top: `${top}px` }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          close?.();
        }
      }}
      onClick={(event) => event.stopPropagation()}
    >
      {isPinned && close && (
        <button class="close" aria-label="Close" onClick={close}>
          ×
        </button>
      )}
      {children}
    </div>
  );
}
