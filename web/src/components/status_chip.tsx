/** A job's status as a symbol and a word. */
import Chip from "@mui/material/Chip";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { JobStatus } from "../api/types";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../theme/statuses";

interface Props {
  status: JobStatus;
  isCancelling?: boolean;
}

export function StatusChip({ status, isCancelling = false }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Chip
      size="small"
      variant="outlined"
      color={STATUS_COLOURS[status]}
      label={
        <>
          <span aria-hidden>{STATUS_SYMBOLS[status]} </span>
          {isCancelling && !["completed", "failed", "cancelled"].includes(status) ? t("status.cancelling") : t(`status.${status}`)}
        </>
      }
    />
  );
}
