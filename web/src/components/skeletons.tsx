/** What stands in the place of a page until it is there. */
import Skeleton from "@mui/material/Skeleton";
import Stack from "@mui/material/Stack";
import type { ReactNode } from "react";

export function Skeletons(): ReactNode {
  return (
    <Stack aria-hidden sx={{ gap: 2 }}>
      <Skeleton variant="rounded" height={36} width="40%" />
      <Skeleton variant="rounded" height={120} />
      <Skeleton variant="rounded" height={240} />
    </Stack>
  );
}
