/** Names and values in as many columns as there is room for. */
import Box from "@mui/material/Box";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";

export type Fact = readonly [name: string, value: ReactNode];

/** Longer texts, such as hashes, have a line of their own, and longer ones than `WIDE`, such as ids, two columns. */
const LONG = 40;
const WIDE = 22;

function placeOf(value: ReactNode): object {
  const length = typeof value === "string" ? value.length : 0;
  if (length > LONG) return { gridColumn: "1 / -1" };
  return length > WIDE ? { gridColumn: { xs: "1 / -1", sm: "span 2" } } : {};
}

export function FactList({ facts }: { facts: readonly Fact[] }): ReactNode {
  return (
    <Box component="dl" sx={{ m: 0, display: "grid", gap: 1.5, gridTemplateColumns: { xs: "repeat(auto-fill, minmax(140px, 1fr))", sm: "repeat(auto-fill, minmax(200px, 1fr))" } }}>
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <Box key={name} sx={{ minWidth: 0, ...placeOf(value) }}>
            <Typography component="dt" variant="body2" color="textSecondary">
              {name}
            </Typography>
            <Typography component="dd" sx={{ m: 0, overflowWrap: "anywhere" }}>
              {value}
            </Typography>
          </Box>
        ))}
    </Box>
  );
}
