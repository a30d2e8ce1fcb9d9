/** The order of the list. The headings of the table change it too, where there is room for them. */
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Choice } from "../../components/choice";
import { ArrowDownwardIcon, ArrowUpwardIcon } from "../../components/icons";
import { type JobsSearch, SORTS, SORT_FIELDS } from "./jobs_search";

interface Props {
  search: JobsSearch;
  onChange: (part: Partial<JobsSearch>) => void;
}

export function JobOrder({ search, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const isDown = search.order === "desc";
  return (
    <Stack direction="row" sx={{ gap: 0.5, alignItems: "center" }}>
      <Choice
        label={t("jobs.order")}
        value={search.sort}
        sx={{ minWidth: 150 }}
        choices={SORTS.map((sort) => [sort, t(`fields.${SORT_FIELDS[sort]}`)])}
        onChoose={(sort) => onChange({ sort })}
      />
      <IconButton aria-label={isDown ? t("jobs.toUp") : t("jobs.toDown")} onClick={() => onChange({ order: isDown ? "asc" : "desc" })}>
        {isDown ? <ArrowDownwardIcon fontSize="small" /> : <ArrowUpwardIcon fontSize="small" />}
      </IconButton>
    </Stack>
  );
}
