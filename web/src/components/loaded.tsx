/** What a page has read: a skeleton before it is there, the error with a way on, a sentence if it is empty. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Skeleton from "@mui/material/Skeleton";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ErrorLine } from "./error_line";

interface Props<T> {
  query: UseQueryResult<T>;
  /** Lines of the skeleton. */
  lines?: number;
  /** What is shown in place of no content, if `isEmpty` says so. */
  empty?: string;
  isEmpty?: (data: T) => boolean;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ query, lines = 3, empty, isEmpty, children }: Props<T>): ReactNode {
  const { t } = useTranslation();
  if (query.data !== undefined) {
    if (empty !== undefined && isEmpty?.(query.data)) {
      return (
        <Typography color="textSecondary" sx={{ py: 1 }}>
          {empty}
        </Typography>
      );
    }
    return children(query.data);
  }
  if (query.isError) {
    return (
      <Alert
        severity="error"
        action={
          <Button color="inherit" size="small" onClick={() => void query.refetch()}>
            {t("errors.again")}
          </Button>
        }
      >
        <ErrorLine error={query.error} />
      </Alert>
    );
  }
  return (
    <Stack aria-hidden sx={{ gap: 1 }}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} variant="rounded" height={28} />
      ))}
    </Stack>
  );
}
