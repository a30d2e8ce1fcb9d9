/** What a page has read: a skeleton before it is there, the error with a way on, a sentence if it is empty. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Skeleton from "@mui/material/Skeleton";
import Typography from "@mui/material/Typography";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useDeferredValue } from "react";
import { useTranslation } from "react-i18next";
import { ErrorLine } from "./error_line";

/** Pixels of a line of the skeleton, and between two. */
const LINE = 28;
const GAP = 8;
/** One element that looks like lines: a list has many of them. */
const LINES = { maskImage: `repeating-linear-gradient(to bottom, #000 0 ${LINE}px, transparent ${LINE}px ${LINE + GAP}px)` } as const;

interface Props<T> {
  query: UseQueryResult<T>;
  /** Lines of the skeleton. */
  lines?: number;
  /** Height of the content in pixels, if it is known: nothing below moves when it comes, or if there is none. */
  height?: number;
  /** What is shown in place of no content, if `isEmpty` says so. */
  empty?: string;
  isEmpty?: (data: T) => boolean;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ query, lines = 3, height, empty, isEmpty, children }: Props<T>): ReactNode {
  const { t } = useTranslation();
  // What comes first is drawn in slices, between which the browser answers the person. What changes it is drawn at once.
  const isShown = useDeferredValue(query.data !== undefined);
  if (query.data !== undefined && isShown) {
    if (empty !== undefined && isEmpty?.(query.data)) {
      return (
        <Typography color="textSecondary" sx={height === undefined ? { py: 1, minHeight: lines * (LINE + GAP) - GAP } : { height, display: "grid", placeContent: "center" }}>
          {empty}
        </Typography>
      );
    }
    return children(query.data);
  }
  if (query.data === undefined && query.isError) {
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
  if (height !== undefined) return <Skeleton aria-hidden variant="rounded" height={height} />;
  return <Skeleton aria-hidden variant="rectangular" height={lines * (LINE + GAP) - GAP} sx={LINES} />;
}
