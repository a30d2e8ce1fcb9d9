/** What a chart shows, and how its numbers are spaced on an axis. */
import { scaleLinear } from "d3-scale";

export interface Series {
  name: string;
  colour: string;
  /** One number for each column; null where there is none. */
  values: readonly (number | null)[];
}

export interface ChartData {
  /** What the chart is, for those who do not see it. */
  name: string;
  /** What stands below or beside each group of numbers. */
  columns: readonly string[];
  series: readonly Series[];
  /** Returns a number as text. */
  text: (value: number) => string;
}

/** Average width of a character of the axes, in pixels. */
const CHARACTER = 7;
const LABEL_GAP = 14;
const MOST_TICKS = 5;

function widthOf(text: string): number {
  return text.length * CHARACTER;
}

/** Return the pixels that the widest of some texts of an axis takes, about, with the gap beside it. */
export function roomFor(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(widthOf)) + LABEL_GAP;
}

/** Return a text of at most `most` characters. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Return each how many columns a label fits, if one column has `room` pixels. */
export function labelStep(columns: readonly string[], room: number): number {
  return Math.max(1, Math.ceil(roomFor(columns) / Math.max(1, room)));
}

export interface Values {
  /** Returns the pixels of a number. */
  at: (value: number) => number;
  ticks: readonly number[];
}

/** Return an axis of numbers from 0 to at least `greatest`, between two pixels. `isWhole`: only whole numbers have a tick. */
export function valueAxis(greatest: number, from: number, to: number, isWhole: boolean): Values {
  const scale = scaleLinear([0, greatest > 0 ? greatest : 1], [from, to]).nice(MOST_TICKS);
  const ticks = scale.ticks(MOST_TICKS).filter((tick) => !isWhole || Number.isInteger(tick));
  return { at: (value) => scale(value), ticks };
}

/** Return the sum of the series of each column, or the greatest of their numbers if they are not stacked. */
export function greatestOf(series: readonly Series[], isStacked: boolean): number {
  const columns = series[0]?.values.length ?? 0;
  const heights = Array.from({ length: columns }, (_, column) => {
    const numbers = series.map((each) => each.values[column] ?? 0);
    return isStacked ? numbers.reduce((sum, number) => sum + number, 0) : Math.max(0, ...numbers);
  });
  return Math.max(0, ...heights);
}
