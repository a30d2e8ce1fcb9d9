/** A part of a page with a heading. */
import Box from "@mui/material/Box";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, useId } from "react";

interface Props {
  title: string;
  /** What stands at the right of the heading. */
  aside?: ReactNode;
  /** About how high it is in pixels. With it the browser draws the panel once it comes into view. */
  height?: number;
  children: ReactNode;
}

export function Panel({ title, aside, height, children }: Props): ReactNode {
  const id = useId();
  return (
    <Paper component="section" aria-labelledby={id} variant="outlined" sx={{ p: 2, height: "100%", minWidth: 0, ...(height === undefined ? {} : { contentVisibility: "auto", containIntrinsicSize: `auto ${height}px` }) }}>
      <Stack direction="row" sx={{ alignItems: "center", justifyContent: "space-between", gap: 1, mb: 1.5, minHeight: 32, flexWrap: "wrap" }}>
        <Typography id={id} variant="h2">
          {title}
        </Typography>
        {aside}
      </Stack>
      <Box sx={{ minWidth: 0 }}>{children}</Box>
    </Paper>
  );
}
