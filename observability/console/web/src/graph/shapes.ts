/** Sizes, points and rectangles. */

export interface Size { width: number; height: number }
export interface Point { x: number; y: number }
export interface Rect extends Point, Size {}

export const transposedSize = ({ width, height }: Size): Size => ({ width: height, height: width });
export const transposedPoint = ({ x, y }: Point): Point => ({ x: y, y: x });
export const transposedRect = (rect: Rect): Rect => ({ ...transposedPoint(rect), ...transposedSize(rect) });
