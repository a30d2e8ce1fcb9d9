/** The place of a picture. It keeps its size while there is none, so that nothing moves when one comes. */
import Box from "@mui/material/Box";
import type { ReactNode } from "react";

interface Props {
  width?: number | string;
  /** Width over height. */
  ratio?: number;
  /** Whether a picture of another shape is cut, or shown whole. */
  isCut?: boolean;
  children: ReactNode;
}

export function PictureFrame({ width = "100%", ratio = 1, isCut = true, children }: Props): ReactNode {
  return (
    <Box
      sx={{
        width,
        maxWidth: "100%",
        aspectRatio: String(ratio),
        flexShrink: 0,
        overflow: "hidden",
        borderRadius: 1,
        bgcolor: "action.hover",
        display: "grid",
        placeItems: "center",
        "& img, & video": { width: "100%", height: "100%", objectFit: isCut ? "cover" : "contain", display: "block", minHeight: 0 },
      }}
    >
      {children}
    </Box>
  );
}
