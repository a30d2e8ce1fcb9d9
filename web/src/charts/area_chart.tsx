/** Numbers over time as areas on top of each other. */
import { area } from "d3-shape";
import type { ReactNode } from "react";
import { BottomNames, LeftNumbers } from "./axes";
import { greatestOf, roomFor, valueAxis } from "./chart_data";
import { ChartFrame, type ChartProps } from "./chart_frame";

const TOP = 10;
const BOTTOM = 26;
const RIGHT = 12;

export function AreaChart({ height, ...data }: ChartProps): ReactNode {
  const { columns, series, text } = data;
  const values = valueAxis(greatestOf(series, true), height - BOTTOM, TOP, true);
  const left = roomFor(values.ticks.map(text));
  return (
    <ChartFrame height={height} {...data}>
      {(width, read) => {
        const step = (width - left - RIGHT) / Math.max(1, columns.length - 1);
        const at = (column: number): number => left + column * step;
        /** Where the area of a series begins in a column: on top of those before it. */
        const below = (index: number, column: number): number =>
          series.slice(0, index).reduce((sum, each) => sum + (each.values[column] ?? 0), 0);
        return (
          <>
            <LeftNumbers values={values} text={text} from={left} to={width - RIGHT} />
            <BottomNames columns={columns} at={at} room={step} y={height - BOTTOM} />
            {series.map((each, index) => {
              const shape = area<number>()
                .x((column) => at(column))
                .y0((column) => values.at(below(index, column)))
                .y1((column) => values.at(below(index + 1, column)));
              return (
                <g key={each.name} fill={each.colour} stroke={each.colour}>
                  <path d={shape(columns.keys()) ?? ""} fillOpacity={0.45} stroke="none" />
                  <path d={shape.lineY1()(columns.keys()) ?? ""} fill="none" strokeWidth={2} />
                </g>
              );
            })}
            {columns.map((_, column) => (
              <rect
                key={column}
                x={at(column) - step / 2}
                y={TOP}
                width={step}
                height={height - TOP - BOTTOM}
                fill="transparent"
                onPointerEnter={() => read({ column, x: at(column), y: TOP })}
              />
            ))}
          </>
        );
      }}
    </ChartFrame>
  );
}
