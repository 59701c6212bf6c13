/** The whole trace in small. Drag over it to look closer. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useCanvasColours } from "../charts/canvas-colours.ts";
import { useSize } from "../charts/size.ts";
import { hopColour } from "../colours.ts";
import { offset } from "./took.ts";
import type { Trace } from "./trace.ts";
import { bounded, shifted, showView, type View, WHOLE, zoomed } from "./view.ts";

const HEIGHT = 64;

export function Minimap({ trace, view }: { trace: Trace; view: View }) {
  const holder = useRef<HTMLDivElement>(null),
    canvas = useRef<HTMLCanvasElement>(null);
  const { width } = useSize(holder);
  const { surface } = useCanvasColours();
  const [drag, setDrag] = useState<View>();
  useEffect(() => draw(canvas.current!, trace, width), [trace, width, surface]);
  const share = (event: PointerEvent): number => {
    const { left, width: wide } = holder.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / wide));
  };
  const release = (): void => {
    if (drag) showView(bounded(ordered(drag)));
    setDrag(undefined);
  };
  const shown = drag ? ordered(drag) : view;
  return (
    <div class="minimap">
      <div
        class="minimap-box"
        ref={holder}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: share(event), to: share(event) });
        }}
        onPointerMove={(event) => drag && setDrag({ from: drag.from, to: share(event) })}
        onPointerUp={release}
        onPointerCancel={() => setDrag(undefined)}
      >
        <canvas ref={canvas} role="img" aria-label={`All ${trace.spans.length} spans over time`} />
        <div class="outside" style={{ left: 0, width: `${shown.from * 100}%` }} />
        <div class="outside" style={{ right: 0, width: `${(1 - shown.to) * 100}%` }} />
      </div>
      <div class="minimap-buttons" role="group" aria-label="Part in sight">
        <span class="faint">{`${offset(view.from * trace.duration)} – ${offset(view.to * trace.duration)}`}</span>
        <button aria-label="Earlier" onClick={() => showView(shifted(view, -0.5))} disabled={view.from === 0}>
          ‹
        </button>
        <button aria-label="Later" onClick={() => showView(shifted(view, 0.5))} disabled={view.to === 1}>
          ›
        </button>
        <button aria-label="Closer" onClick={() => showView(zoomed(view, 0.5))}>
          +
        </button>
        <button
          aria-label="Farther"
          onClick={() => showView(zoomed(view, 2))}
          disabled={view.from === 0 && view.to === 1}
        >
          −
        </button>
        <button onClick={() => showView(WHOLE)} disabled={view.from === 0 && view.to === 1}>
          Whole trace
        </button>
      </div>
    </div>
  );
}

const ordered = ({ from, to }: View): View => ({ from: Math.min(from, to), to: Math.max(from, to) });

function draw(canvas: HTMLCanvasElement, trace: Trace, width: number): void {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.max(1, width * scale);
  canvas.height = HEIGHT * scale;
  const context = canvas.getContext("2d");
  if (!context || width === 0) return;
  const row = canvas.height / Math.max(1, trace.spans.length);
  const tall = Math.max(1, Math.min(4 * scale, row * 0.8));
  trace.spans.forEach((span, at) => {
    context.fillStyle = hopColour(span.service);
    const left = ((span.start - trace.start) / trace.duration) * canvas.width;
    const wide = Math.max(scale, (span.duration / trace.duration) * canvas.width);
    context.fillRect(left, at * row, wide, tall);
  });
}
