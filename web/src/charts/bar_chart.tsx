/** Bars from the left to the right, with those of a row below each other. */
import { scaleBand } from "d3-scale";
import type { ReactNode } from "react";
import { BottomNumbers, LeftNames } from "./axes";
import { greatestOf, roomFor, shortened, valueAxis } from "./chart_data";
import { ChartFrame, type ChartProps } from "./chart_frame";

const TOP = 6;
const BOTTOM = 26;
const RIGHT = 20;
const MOST_CHARACTERS = 16;
const MOST_THICKNESS = 32;

interface Props extends ChartProps {
  /** Greatest number of the axis; without it that of the bars. */
  greatest?: number;
  /** Whether the axis has whole numbers only. */
  isWhole?: boolean;
}

export function BarChart({ height, greatest, isWhole = false, ...data }: Props): ReactNode {
  const { columns, series, text } = data;
  const left = roomFor(columns.map((name) => shortened(name, MOST_CHARACTERS)));
  const rows = scaleBand<number>(columns.keys(), [TOP, height - BOTTOM]).padding(0.2);
  const thickness = Math.min(rows.bandwidth() / Math.max(1, series.length), MOST_THICKNESS);
  return (
    <ChartFrame height={height} {...data}>
      {(width, read) => {
        const values = valueAxis(greatest ?? greatestOf(series, false), left, width - RIGHT, isWhole);
        const at = (row: number): number => (rows(row) ?? 0) + rows.bandwidth() / 2;
        return (
          <>
            <BottomNumbers values={values} text={text} from={TOP} to={height - BOTTOM} />
            <LeftNames columns={columns} at={at} x={left} most={MOST_CHARACTERS} />
            {columns.map((_, row) => (
              <g key={row} onPointerEnter={() => read({ column: row, x: (left + width) / 2, y: rows(row) ?? 0 })}>
                <rect x={left} y={at(row) - rows.step() / 2} width={width - left - RIGHT} height={rows.step()} fill="transparent" />
                {series.map((each, index) => (
                  <rect
                    key={each.name}
                    x={left}
                    y={at(row) + (index - series.length / 2) * thickness}
                    width={values.at(each.values[row] ?? 0) - left}
                    height={thickness}
                    fill={each.colour}
                  />
                ))}
              </g>
            ))}
          </>
        );
      }}
    </ChartFrame>
  );
}
