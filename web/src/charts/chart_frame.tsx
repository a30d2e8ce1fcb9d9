/** The place of a chart: its legend, what a pointer reads off it, and its numbers as a table for those who do not see it. */
import Box from "@mui/material/Box";
import Paper from "@mui/material/Paper";
import Typography from "@mui/material/Typography";
import { type ReactNode, useCallback, useState } from "react";
import type { ChartData } from "./chart_data";

/** A column that the pointer is at, and where its numbers are shown. */
export interface Readout {
  column: number;
  x: number;
  y: number;
}

/** What every chart takes. */
export interface ChartProps extends ChartData {
  height: number;
  hasLegend?: boolean;
}

interface Props extends ChartProps {
  /** Draws the chart in a number of pixels. `read` shows the numbers of a column. */
  children: (width: number, read: (readout: Readout) => void) => ReactNode;
}

const HIDDEN = { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)", whiteSpace: "nowrap" } as const;

function useWidth(): [number, (element: HTMLElement | null) => (() => void) | undefined] {
  const [width, setWidth] = useState(0);
  const watch = useCallback((element: HTMLElement | null) => {
    if (element === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [width, watch];
}

function Mark({ colour }: { colour: string }): ReactNode {
  return <Box component="span" sx={{ width: 10, height: 10, borderRadius: "2px", bgcolor: colour, flexShrink: 0 }} />;
}

function NumbersTable({ name, columns, series, text }: ChartData): ReactNode {
  return (
    <Box sx={HIDDEN}>
      <table>
        <caption>{name}</caption>
        <thead>
          <tr>
            <td />
            {series.map((each) => (
              <th key={each.name} scope="col">
                {each.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {columns.map((column, index) => (
            <tr key={index}>
              <th scope="row">{column}</th>
              {series.map((each) => {
                const value = each.values[index];
                return <td key={each.name}>{value == null ? "–" : text(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Box>
  );
}

export function ChartFrame({ name, columns, series, text, height, hasLegend = true, children }: Props): ReactNode {
  const [width, watch] = useWidth();
  const [readout, setReadout] = useState<Readout>();
  const isRight = readout !== undefined && readout.x > width / 2;
  return (
    <Box component="figure" aria-label={name} sx={{ m: 0, position: "relative", color: "text.secondary" }} onPointerLeave={() => setReadout(undefined)}>
      <Box ref={watch} sx={{ height, "& svg": { display: "block", overflow: "visible", fontSize: 12 } }}>
        {width > 0 ? (
          <svg width={width} height={height} aria-hidden>
            {children(width, setReadout)}
          </svg>
        ) : null}
      </Box>
      {hasLegend ? (
        <Box aria-hidden sx={{ display: "flex", flexWrap: "wrap", columnGap: 2, rowGap: 0.5, justifyContent: "center", minHeight: 20, mt: 0.5 }}>
          {series.map((each) => (
            <Typography key={each.name} variant="body2" component="span" sx={{ display: "flex", alignItems: "center", gap: 0.75 }}>
              <Mark colour={each.colour} />
              {each.name}
            </Typography>
          ))}
        </Box>
      ) : null}
      {readout === undefined || columns[readout.column] === undefined ? null : (
        <Paper
          aria-hidden
          elevation={4}
          sx={{ position: "absolute", top: readout.y, ...(isRight ? { right: width - readout.x + 8 } : { left: readout.x + 8 }), p: 1, pointerEvents: "none", zIndex: 1 }}
        >
          <Typography variant="body2" sx={{ fontWeight: 600 }} noWrap>
            {columns[readout.column]}
          </Typography>
          {series.map((each) => {
            const value = each.values[readout.column];
            return value == null ? null : (
              <Typography key={each.name} variant="body2" noWrap sx={{ display: "flex", alignItems: "center", gap: 0.75 }}>
                <Mark colour={each.colour} />
                {each.name}: {text(value)}
              </Typography>
            );
          })}
        </Paper>
      )}
      <NumbersTable name={name} columns={columns} series={series} text={text} />
    </Box>
  );
}
