/** The size of an element, followed. */
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export interface Size {
  width: number;
  height: number;
}

/** Width and height of an element's content, CSS pixels; zero before it is there. */
export function useSize(element: RefObject<HTMLElement>): Size {
  const [size, set] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const holder = element.current;
    if (!holder) return undefined;
    const measure = (): void => {
      const width = Math.floor(holder.clientWidth),
        height = Math.floor(holder.clientHeight);
      set((before) => (before.width === width && before.height === height ? before : { width, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(holder);
    return () => observer.disconnect();
  }, [element]);
  return size;
}
