/** The axes of charts: lines and labels of numbers, and the labels of columns. */
import type { ReactNode } from "react";
import { type Values, labelStep, shortened } from "./chart_data";

const LINE = "var(--mui-palette-divider)";
const LABEL_GAP = 8;

interface NumbersProps {
  values: Values;
  text: (value: number) => string;
  /** Where the lines begin and end. */
  from: number;
  to: number;
}

/** Numbers from the bottom to the top, at the left. */
export function LeftNumbers({ values, text, from, to }: NumbersProps): ReactNode {
  return values.ticks.map((tick) => (
    <g key={tick} transform={`translate(0 ${values.at(tick)})`}>
      <line x1={from} x2={to} stroke={LINE} />
      <text x={from - LABEL_GAP} dy="0.32em" textAnchor="end" fill="currentColor">
        {text(tick)}
      </text>
    </g>
  ));
}

/** Numbers from the left to the right, at the bottom, as many as there is room for. */
export function BottomNumbers({ values, text, from, to }: NumbersProps): ReactNode {
  const [first = 0, second = first] = values.ticks;
  const step = labelStep(values.ticks.map(text), values.at(second) - values.at(first));
  return values.ticks.map((tick, index) => (
    <g key={tick} transform={`translate(${values.at(tick)} 0)`}>
      <line y1={from} y2={to} stroke={LINE} />
      <text y={to + LABEL_GAP} dy="0.71em" textAnchor="middle" fill="currentColor">
        {index % step === 0 ? text(tick) : ""}
      </text>
    </g>
  ));
}

interface ColumnsProps {
  columns: readonly string[];
  /** Returns the middle of a column. */
  at: (column: number) => number;
  /** Pixels between two columns. */
  room: number;
  y: number;
}

/** Names of columns at the bottom, as many as there is room for. */
export function BottomNames({ columns, at, room, y }: ColumnsProps): ReactNode {
  const step = labelStep(columns, room);
  // Not at an edge, where half of the name would have no room.
  const first = Math.floor(step / 2);
  return columns.map((name, column) =>
    column % step === first && column + first < columns.length ? (
      <text key={column} x={at(column)} y={y + LABEL_GAP} dy="0.71em" textAnchor="middle" fill="currentColor">
        {name}
      </text>
    ) : null,
  );
}

/** Names of rows at the left, cut to `most` characters. */
export function LeftNames({ columns, at, x, most }: { columns: readonly string[]; at: (column: number) => number; x: number; most: number }): ReactNode {
  return columns.map((name, column) => (
    <text key={column} x={x - LABEL_GAP} y={at(column)} dy="0.32em" textAnchor="end" fill="currentColor">
      {shortened(name, most)}
    </text>
  ));
}
