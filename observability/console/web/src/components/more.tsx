/** Shows more rows of a list when it comes into sight or is pressed. */
import { useEffect, useRef } from "preact/hooks";

export function More({ left, noun, show }: { left: number; noun: string; show: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const watcher = new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) show();
    });
    watcher.observe(button.current!);
    return () => watcher.disconnect();
  }, [left]);
  return (
    <button class="more" ref={button} onClick={show}>
      {left.toLocaleString("en")} more {noun}
    </button>
  );
}
