/** The order of the list. The headings of the table change it too, where there is room for them. */
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import { Choice } from "../../components/choice";
import { ArrowDownwardIcon, ArrowUpwardIcon } from "../../components/icons";
import { type JobsSearch, SORTS, SORT_FIELDS } from "./jobs_search";

interface Props extends Pick<JobsSearch, "sort" | "order"> {
  onChange: (part: Partial<JobsSearch>) => void;
}

// It is not drawn again for the jobs that come.
export const JobOrder = memo(function JobOrder({ sort, order, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const isDown = order === "desc";
  return (
    <Stack direction="row" sx={{ gap: 0.5, alignItems: "center" }}>
      <Choice
        label={t("jobs.order")}
        value={sort}
        sx={{ minWidth: 150 }}
        choices={SORTS.map((each) => [each, t(`fields.${SORT_FIELDS[each]}`)])}
        onChoose={(each) => onChange({ sort: each })}
      />
      <IconButton aria-label={isDown ? t("jobs.toUp") : t("jobs.toDown")} onClick={() => onChange({ order: isDown ? "asc" : "desc" })}>
        {isDown ? <ArrowDownwardIcon fontSize="small" /> : <ArrowUpwardIcon fontSize="small" />}
      </IconButton>
    </Stack>
  );
});
