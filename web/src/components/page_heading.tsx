/** The heading of a page, with what can be done there. It names the browser's tab too. */
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTitle } from "./use_title";

interface Props {
  title: string;
  children?: ReactNode;
}

export function PageHeading({ title, children }: Props): ReactNode {
  useTitle(title);
  return (
    <Stack direction="row" sx={{ alignItems: "center", justifyContent: "space-between", gap: 2, mb: 2, flexWrap: "wrap" }}>
      <Typography variant="h1">{title}</Typography>
      {children}
    </Stack>
  );
}
