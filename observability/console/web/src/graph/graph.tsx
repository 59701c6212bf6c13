/** A directed graph as a picture whose nodes are links. */
import { useId, useMemo } from "preact/hooks";
import { layout, type Box, type Layout, type Route } from "./layout.ts";
import type { LabelledArc } from "./layers.ts";
import { textWidth, useWidth } from "./measure.ts";
import type { Rect } from "./shapes.ts";

export interface GraphNode {
  id: string;
  /** What stands in it: a name, and below it something smaller. */
  name: string;
  detail?: string | undefined;
  /** A sign before the name, for eyes that do not tell colours apart. */
  sign?: string | undefined;
  /** Class names of the style sheet. */
  look: string;
  href?: string | undefined;
  isCurrent?: boolean;
  /** What a screen reader reads, and a pointer shows. */
  title: string;
}

export interface GraphEdge {
  id: string;
  from: string;
  to: string;
  /** The lines of its label; none where there is nothing to say. */
  lines: readonly string[];
  look: string;
  /** 0 to 1: how thick it is. */
  weight: number;
  title: string;
}

const NAME_FONT = '600 12px system-ui, "DejaVu Sans", sans-serif';
const SMALL_FONT = '11px system-ui, "DejaVu Sans", sans-serif';
const LINE_HEIGHT = 14;
/** What the picture may be made smaller or larger by, before it goes down instead of right, and before it is scrolled. */
const LEAST_SCALE = 0.78;
const MOST_SCALE = 1.3;

/** The graph, as wide as there is room: its layers go right, or down where there is too little. */
export function Graph({ nodes, edges, label }: { nodes: readonly GraphNode[]; edges: readonly GraphEdge[]; label: string }) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const key = JSON.stringify([nodes.map(boxOf), edges.map(arcOf), width]);
  const placed = useMemo(() => width > 0 ? fitting(nodes.map(boxOf), edges.map(arcOf), width) : undefined, [key]);
  const isScrolled = placed !== undefined && (placed.width + 4) * placed.scale > width;
  return <div class="graph" ref={frame} {...isScrolled ? { tabIndex: 0, role: "group", "aria-label": label } : {}}>
    {placed && <Picture nodes={nodes} edges={edges} label={label} placed={placed} />}
  </div>;
}

interface Placed extends Layout { scale: number; isDown: boolean }

function fitting(boxes: readonly Box[], arcs: readonly LabelledArc[], width: number): Placed {
  const right = layout(boxes, arcs, { direction: "right", layerGap: 22, gap: 10 });
  if (right.width * LEAST_SCALE <= width) return { ...right, isDown: false, scale: Math.min(MOST_SCALE, width / (right.width + 4)) };
  const down = layout(boxes, arcs, { direction: "down", layerGap: 20, gap: 8 });
  return { ...down, isDown: true, scale: Math.max(LEAST_SCALE, Math.min(1, width / (down.width + 4))) };
}

const boxOf = ({ id, name, detail, sign }: GraphNode): Box => ({
  id,
  width: Math.max(56, textWidth(sign ? `${sign} ${name}` : name, NAME_FONT), detail ? textWidth(detail, SMALL_FONT) : 0) + 18,
  height: detail ? 38 : 28,
});

const arcOf = ({ id, from, to, lines }: GraphEdge): LabelledArc => ({
  id, from, to,
  label: lines.length > 0
    ? { width: stepped(Math.max(...lines.map((line) => textWidth(line, SMALL_FONT))) + 8), height: lines.length * LINE_HEIGHT + 2 }
    : undefined,
});

/** Widths in steps, so that a figure that changes does not move everything. */
const stepped = (width: number): number => Math.ceil(width / 10) * 10;

interface PictureProps { nodes: readonly GraphNode[]; edges: readonly GraphEdge[]; label: string; placed: Placed }

function Picture({ nodes, edges, label, placed }: PictureProps) {
  const { width, height, scale, isDown } = placed, arrow = useId();
  return <svg role="group" aria-label={label} viewBox={`-2 -2 ${width + 4} ${height + 4}`} width={(width + 4) * scale} height={(height + 4) * scale}>
    <defs>
      <marker id={arrow} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
        <path d="M0 0.5L8 4L0 7.5z" fill="context-stroke" />
      </marker>
    </defs>
    {edges.map((edge) => <EdgeLine key={edge.id} edge={edge} route={placed.edges.get(edge.id)!} isDown={isDown} arrow={arrow} />)}
    {edges.map((edge) => <EdgeLabel key={edge.id} edge={edge} label={placed.edges.get(edge.id)!.label} />)}
    {nodes.map((node) => <NodeBox key={node.id} node={node} rect={placed.nodes.get(node.id)!} />)}
  </svg>;
}

function EdgeLine({ edge, route, isDown, arrow }: { edge: GraphEdge; route: Route; isDown: boolean; arrow: string }) {
  return <path class={`edge ${edge.look}`} d={pathOf(route, isDown)} stroke-width={1.2 + 3 * Math.sqrt(edge.weight)} marker-end={`url(#${arrow})`} aria-hidden="true" />;
}

function EdgeLabel({ edge, label }: { edge: GraphEdge; label: Rect | undefined }) {
  if (!label) return null;
  const { x, y, width, height } = label;
  return <g class={`edge-label ${edge.look}`} data-edge={`${edge.from}>${edge.to}`}>
    <title>{edge.title}</title>
    <rect x={x} y={y} width={width} height={height} rx="3" />
    {edge.lines.map((line, index) => <text key={index} x={x + width / 2} y={y + 12 + index * LINE_HEIGHT}>{line}</text>)}
  </g>;
}

function NodeBox({ node, rect: { x, y, width, height } }: { node: GraphNode; rect: Rect }) {
  const body = <>
    <title>{node.title}</title>
    <rect x={x} y={y} width={width} height={height} rx="5" />
    <text class="name" x={x + width / 2} y={y + 18}>{node.sign && <tspan class="sign">{node.sign} </tspan>}{node.name}</text>
    {node.detail && " " /* for those who read the texts, which stand below each other */}
    {node.detail && <text class="detail" x={x + width / 2} y={y + 32}>{node.detail}</text>}
  </>;
  const look = `node ${node.look}`;
  if (!node.href) return <g class={look} data-node={node.id}>{body}</g>;
  return <a class={look} data-node={node.id} href={node.href} aria-label={node.title} aria-current={node.isCurrent ? "true" : undefined}>{body}</a>;
}

/** Straight within layers, curved between them, where curves leave and arrive in the layers' direction. */
function pathOf({ points }: Route, isDown: boolean): string {
  return points.map(({ x, y }, index) => {
    if (index === 0) return `M${x} ${y}`;
    if (index % 2 === 1) return `L${x} ${y}`;
    const from = points[index - 1]!;
    if (from.x === x || from.y === y) return `L${x} ${y}`;
    const middle = isDown ? (from.y + y) / 2 : (from.x + x) / 2;
    return isDown ? `C${from.x} ${middle} ${x} ${middle} ${x} ${y}` : `C${middle} ${from.y} ${middle} ${y} ${x} ${y}`;
  }).join("");
}
