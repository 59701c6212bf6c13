/** How wide text is when it is drawn. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

let canvas: CanvasRenderingContext2D | null | undefined;

/** The width of a text in pixels, rounded up; `font` as in CSS. */
export function textWidth(text: string, font: string): number {
  canvas ??= document.createElement("canvas").getContext("2d");
  if (!canvas) return text.length * 8;
  canvas.font = font;
  return Math.ceil(canvas.measureText(text).width);
}

/** The width of an element in pixels, followed; 0 until it is known. */
export function useWidth<T extends Element>(): [RefObject<T>, number] {
  const element = useRef<T>(null), [width, setWidth] = useState(0);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  return [element, width];
}
