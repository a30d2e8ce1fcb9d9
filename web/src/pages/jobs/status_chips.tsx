/** Jobs of the filter by status. A click shows those of one status only. */
import Chip from "@mui/material/Chip";
import Stack from "@mui/material/Stack";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type JobSummary, STATUSES } from "../../api/types";
import { useFormats } from "../../text/use_format";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../../theme/statuses";
import type { JobsSearch } from "./jobs_search";

interface Props {
  search: JobsSearch;
  summary: JobSummary | undefined;
  onChange: (part: Partial<JobsSearch>) => void;
}

export function StatusChips({ search, summary, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
      {STATUSES.map((status) => {
        const isChosen = search.statuses.includes(status);
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
              onChange({ statuses: isChosen ? search.statuses.filter((each) => each !== status) : [...search.statuses, status] })
            }
          />
        );
      })}
    </Stack>
  );
}
