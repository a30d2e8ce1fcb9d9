/** A job's status as a symbol and a word. */
import Chip from "@mui/material/Chip";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type JobStatus, hasEnded } from "../api/types";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../theme/statuses";

interface Props {
  status: JobStatus;
  isCancelling?: boolean;
  /** Whether the job is paused, or stops at its next step. */
  isPaused?: boolean;
}

export function StatusChip({ status, isCancelling = false, isPaused = false }: Props): ReactNode {
  const { t } = useTranslation();

  function word(): string {
    if (isCancelling && !hasEnded(status)) return t("status.cancelling");
    if (isPaused && !hasEnded(status)) return t(status === "processing" ? "status.pausing" : "status.paused");
    return t(`status.${status}`);
  }

  return (
    <Chip
      size="small"
      variant="outlined"
      color={STATUS_COLOURS[status]}
      label={
        <>
          <span aria-hidden>{STATUS_SYMBOLS[status]} </span>
          {word()}
        </>
      }
    />
  );
}
