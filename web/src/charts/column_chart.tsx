/** Columns from the bottom to the top, with the series of a column on top of each other. */
import { scaleBand } from "d3-scale";
import type { ReactNode } from "react";
import { BottomNames, LeftNumbers } from "./axes";
import { greatestOf, roomFor, valueAxis } from "./chart_data";
import { ChartFrame, type ChartProps } from "./chart_frame";

const TOP = 10;
const BOTTOM = 26;
const RIGHT = 8;

interface Props extends ChartProps {
  /** Whether the axis has whole numbers only. */
  isWhole?: boolean;
}

export function ColumnChart({ height, isWhole = false, ...data }: Props): ReactNode {
  const { columns, series, text } = data;
  const values = valueAxis(greatestOf(series, true), height - BOTTOM, TOP, isWhole);
  const left = roomFor(values.ticks.map(text));
  return (
    <ChartFrame height={height} {...data}>
      {(width, read) => {
        const band = scaleBand<number>(columns.keys(), [left, width - RIGHT]).padding(0.2);
        const at = (column: number): number => (band(column) ?? 0) + band.bandwidth() / 2;
        return (
          <>
            <LeftNumbers values={values} text={text} from={left} to={width - RIGHT} />
            <BottomNames columns={columns} at={at} room={band.step()} y={height - BOTTOM} />
            {columns.map((_, column) => {
              let below = 0;
              return (
                <g key={column} onPointerEnter={() => read({ column, x: at(column), y: TOP })}>
                  <rect x={at(column) - band.step() / 2} y={TOP} width={band.step()} height={height - TOP - BOTTOM} fill="transparent" />
                  {series.map((each) => {
                    const bottom = values.at(below);
                    below += each.values[column] ?? 0;
                    const top = values.at(below);
                    return <rect key={each.name} x={band(column)} y={top} width={band.bandwidth()} height={bottom - top} fill={each.colour} />;
                  })}
                </g>
              );
            })}
          </>
        );
      }}
    </ChartFrame>
  );
}
