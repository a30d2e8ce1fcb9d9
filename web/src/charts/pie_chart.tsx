/** Parts of a whole as a ring. Each part is a series with one number. */
import { arc, pie } from "d3-shape";
import type { ReactNode } from "react";
import type { Series } from "./chart_data";
import { ChartFrame, type ChartProps } from "./chart_frame";

const MARGIN = 6;
const HOLE = 0.5;

export function PieChart({ height, ...data }: Omit<ChartProps, "columns">): ReactNode {
  const radius = height / 2 - MARGIN;
  const parts = pie<Series>()
    .sort(null)
    .padAngle(0.012)
    .value((each) => each.values[0] ?? 0)([...data.series]);
  const shape = arc<(typeof parts)[number]>().innerRadius(radius * HOLE).outerRadius(radius).cornerRadius(3);
  return (
    <ChartFrame height={height} columns={[data.name]} {...data}>
      {(width, read) => (
        <g transform={`translate(${width / 2} ${height / 2})`} onPointerEnter={() => read({ column: 0, x: width / 2 + radius * HOLE, y: MARGIN })}>
          {parts.map((part) => (
            <path key={part.data.name} d={shape(part) ?? ""} fill={part.data.colour} />
          ))}
        </g>
      )}
    </ChartFrame>
  );
}
