/** Jobs of the filter by status. A click shows those of one status only. */
import Chip from "@mui/material/Chip";
import Stack from "@mui/material/Stack";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import { type JobSummary, STATUSES } from "../../api/types";
import { useFormats } from "../../text/use_format";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../../theme/statuses";
import type { JobsSearch } from "./jobs_search";

interface Props extends Pick<JobsSearch, "statuses"> {
  summary: JobSummary | undefined;
  onChange: (part: Partial<JobsSearch>) => void;
}

// They are drawn again for the numbers alone.
export const StatusChips = memo(function StatusChips({ statuses, summary, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
      {STATUSES.map((status) => {
        const isChosen = statuses.includes(status);
        const number = summary === undefined ? "" : ` ${formats.count(summary[status])}`;
        return (
          <Chip
            key={status}
            size="small"
            clickable
            color={STATUS_COLOURS[status]}
            variant={isChosen ? "filled" : "outlined"}
            aria-pressed={isChosen}
            label={
              <>
                <span aria-hidden>{STATUS_SYMBOLS[status]} </span>
                {t(`status.${status}`)}
                {number}
              </>
            }
            onClick={() =>
              onChange({ statuses: isChosen ? statuses.filter((each) => each !== status) : [...statuses, status] })
            }
          />
        );
      })}
    </Stack>
  );
});
