/** The list of jobs: filters, and what they leave, as a table or as a wall of pictures. */
import { GridViewIcon, TableRowsIcon } from "../../components/icons";
import Box from "@mui/material/Box";
import ToggleButton from "@mui/material/ToggleButton";
import ToggleButtonGroup from "@mui/material/ToggleButtonGroup";
import type { QueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearchParams } from "react-router";
import { type Reading, jobsReading } from "../../api/queries";
import { PageHeading } from "../../components/page_heading";
import { type JobsView, settings, useSettings } from "../../session/settings";
import { JobFilters } from "./job_filters";
import { JobList } from "./job_list";
import { type JobsSearch, paramsOf, queryOf, searchOf } from "./jobs_search";
import { FIRST, type PagePlace, placeOf, placeQuery } from "./page_place";

export function readings(queries: QueryClient): readonly Reading[] {
  const { usr } = (history.state ?? {}) as { usr?: unknown }; // what React Router has in it
  const search = searchOf(new URLSearchParams(location.search));
  return [jobsReading(queries, queryOf(search, placeQuery(placeOf(usr)), settings.getState().pageSize))];
}

export default function Jobs(): ReactNode {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  // A change shows at once, and the next one builds on it. The address follows in a transition: it still is one of
  // `before`. Any other address, such as that of a link, counts instead of the change.
  const [changed, setChanged] = useState<{ search: JobsSearch; before: readonly string[] }>();
  const search = changed?.search ?? searchOf(params);
  if (changed !== undefined && !changed.before.includes(params.toString())) setChanged(undefined);
  const view = useSettings((state) => state.jobsView);
  const opened = placeOf(useLocation().state);
  const place = changed === undefined ? opened : FIRST;

  function openPage(place: PagePlace): void {
    setParams(paramsOf(search), { state: { place } });
  }

  function change(part: Partial<JobsSearch>): void {
    const next = { ...search, ...part };
    const before = changed === undefined ? [params.toString()] : [...changed.before, paramsOf(search).toString()];
    const isOther = !before.includes(paramsOf(next).toString());
    setChanged(isOther ? { search: next, before } : undefined);
    setParams(paramsOf(next), { replace: true });
  }

  return (
    <Box>
      <PageHeading title={t("pages.jobs")}>
        <ToggleButtonGroup
          exclusive
          size="small"
          value={view}
          aria-label={t("jobs.view")}
          onChange={(_, chosen: JobsView | null) => {
            if (chosen !== null) settings.getState().change({ jobsView: chosen });
          }}
        >
          <ToggleButton value="table" aria-label={t("jobs.table")}>
            <TableRowsIcon fontSize="small" />
          </ToggleButton>
          <ToggleButton value="wall" aria-label={t("jobs.wall")}>
            <GridViewIcon fontSize="small" />
          </ToggleButton>
        </ToggleButtonGroup>
      </PageHeading>
      <JobFilters search={search} isFocused={params.has("search")} onChange={change} />
      <JobList search={search} place={place} onChange={change} onOpen={openPage} />
    </Box>
  );
}
