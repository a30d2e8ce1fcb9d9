/** The order of the list. The headings of the table change it too, where there is room for them. */
import IconButton from "@mui/material/IconButton";
import MenuItem from "@mui/material/MenuItem";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ArrowDownwardIcon, ArrowUpwardIcon } from "../../components/icons";
import { type JobsSearch, SORTS, type Sort } from "./jobs_search";

interface Props {
  search: JobsSearch;
  onChange: (part: Partial<JobsSearch>) => void;
}

export function JobOrder({ search, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const names: Record<Sort, string> = {
    created_at: t("fields.created"),
    updated_at: t("fields.updated"),
    progress: t("fields.progress"),
    duration: t("fields.ran"),
    priority: t("fields.priority"),
  };
  const isDown = search.order === "desc";
  return (
    <Stack direction="row" sx={{ gap: 0.5, alignItems: "center" }}>
      <TextField
        select
        size="small"
        label={t("jobs.order")}
        value={search.sort}
        sx={{ minWidth: 150 }}
        onChange={(event) => onChange({ sort: event.target.value as Sort })}
      >
        {SORTS.map((sort) => (
          <MenuItem key={sort} value={sort}>
            {names[sort]}
          </MenuItem>
        ))}
      </TextField>
      <IconButton aria-label={isDown ? t("jobs.toUp") : t("jobs.toDown")} onClick={() => onChange({ order: isDown ? "asc" : "desc" })}>
        {isDown ? <ArrowDownwardIcon fontSize="small" /> : <ArrowUpwardIcon fontSize="small" />}
      </IconButton>
    </Stack>
  );
}
