/** The list of jobs: filters, order, pages by cursor, marks with actions for many, as a table or as a wall of pictures. */
import { GridViewIcon, TableRowsIcon } from "../../components/icons";
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import ToggleButton from "@mui/material/ToggleButton";
import ToggleButtonGroup from "@mui/material/ToggleButtonGroup";
import Typography from "@mui/material/Typography";
import type { QueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation, useSearchParams } from "react-router";
import { type JobsQuery, type Reading, inOwnDays, jobsReading, useJobs } from "../../api/queries";
import type { Job } from "../../api/types";
import { JobActions } from "../../components/job_actions";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { type JobsView, settings, useSettings } from "../../session/settings";
import { useFormats } from "../../text/use_format";
import { JobFilters } from "./job_filters";
import { JobOrder } from "./job_order";
import { JobTable } from "./job_table";
import { JobWall } from "./job_wall";
import { type JobsSearch, filterOf, hasFilters, paramsOf, searchOf } from "./jobs_search";
import { FIRST, type PagePlace, placeOf, placeQuery } from "./page_place";
import { Pager } from "./pager";
import { StatusChips } from "./status_chips";

function queryOf(search: JobsSearch, place: PagePlace, pageSize: number): JobsQuery {
  return { ...filterOf(search), sort: search.sort, order: search.order, limit: pageSize, ...placeQuery(place) };
}

export function readings(queries: QueryClient): readonly Reading[] {
  const { usr } = (history.state ?? {}) as { usr?: unknown }; // what React Router has in it
  const search = searchOf(new URLSearchParams(location.search));
  return [jobsReading(queries, queryOf(search, placeOf(usr), settings.getState().pageSize))];
}

export default function Jobs(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const [params, setParams] = useSearchParams();
  // A change shows at once, and the next one builds on it. The address follows in a transition: it still is one of
  // `before`. Any other address, such as that of a link, counts instead of the change.
  const [changed, setChanged] = useState<{ search: JobsSearch; before: readonly string[] }>();
  const search = changed?.search ?? searchOf(params);
  if (changed !== undefined && !changed.before.includes(params.toString())) setChanged(undefined);
  const view = useSettings((state) => state.jobsView);
  const pageSize = useSettings((state) => state.pageSize);
  const opened = placeOf(useLocation().state);
  const place = changed === undefined ? opened : FIRST;
  const [marked, setMarked] = useState<ReadonlyMap<string, Job>>(new Map());
  const [isAllMarked, setAllMarked] = useState(false);
  const bar = useRef<HTMLDivElement>(null);
  const filter = filterOf(search);
  const jobs = useJobs(queryOf(search, place, pageSize));

  function openPage(place: PagePlace): void {
    setParams(paramsOf(search), { state: { place } });
  }

  function unmark(): void {
    setMarked(new Map());
    setAllMarked(false);
  }

  function change(part: Partial<JobsSearch>): void {
    unmark();
    const next = { ...search, ...part };
    const before = changed === undefined ? [params.toString()] : [...changed.before, paramsOf(search).toString()];
    const isOther = !before.includes(paramsOf(next).toString());
    setChanged(isOther ? { search: next, before } : undefined);
    setParams(paramsOf(next), { replace: true });
  }

  // They never change, so that marking one job draws one row.
  const markAll = useCallback((page: readonly Job[], isMarked: boolean): void => {
    setAllMarked(false);
    setMarked((before) => {
      const after = new Map(before);
      for (const job of page) {
        if (isMarked) after.set(job.job_id, job);
        else after.delete(job.job_id);
      }
      return after;
    });
  }, []);
  const total = jobs.data?.total ?? 0;
  const mark = useCallback((job: Job, isMarked: boolean): void => markAll([job], isMarked), [markAll]);

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
      <Stack direction="row" sx={{ gap: 1.5, my: 1.5, alignItems: "center", flexWrap: "wrap", justifyContent: "space-between" }}>
        <StatusChips search={search} summary={jobs.data?.summary} onChange={change} />
        <JobOrder search={search} onChange={change} />
      </Stack>
      {marked.size > 0 ? (
        <Alert
          ref={bar}
          severity="info"
          icon={false}
          sx={{ my: 1, alignItems: "center" }}
          action={
            <Button size="small" color="inherit" onClick={unmark}>
              {t("actions.clear")}
            </Button>
          }
        >
          <Stack direction="row" sx={{ gap: 2, alignItems: "center", flexWrap: "wrap" }}>
            <Typography variant="body2">{t("actions.selected", { count: isAllMarked ? total : marked.size })}</Typography>
            {marked.size < total && !isAllMarked ? (
              <Button size="small" onClick={() => setAllMarked(true)}>
                {t("actions.selectAll", { total: formats.count(total) })}
              </Button>
            ) : null}
            <JobActions
              {...(isAllMarked ? { filter: inOwnDays(filter), number: total } : { jobs: [...marked.values()], number: marked.size })}
              onDone={() => {
                // Those that it was for: others may have been marked in the meantime.
                markAll([...marked.values()], false);
                // The buttons that had the focus are gone, or cannot be used.
                const focused = document.activeElement;
                if (focused === document.body || bar.current?.contains(focused)) {
                  document.getElementById("content")?.focus({ preventScroll: true });
                }
              }}
            />
          </Stack>
        </Alert>
      ) : null}
      <Paper variant="outlined" sx={{ mt: 1, overflow: "hidden" }}>
        <Loaded query={jobs} lines={pageSize}>
          {(list) =>
            list.jobs.length === 0 ? (
              <Stack sx={{ p: 4, alignItems: "center", gap: 1.5, textAlign: "center" }}>
                {hasFilters(search) ? (
                  <>
                    <Typography>{t("empty.filtered")}</Typography>
                    <Button onClick={() => change(searchOf(new URLSearchParams()))}>{t("actions.clearFilters")}</Button>
                  </>
                ) : (
                  <>
                    <Typography variant="h2">{t("empty.jobs")}</Typography>
                    <Typography color="textSecondary">{t("empty.jobsHint")}</Typography>
                    <Button component={Link} to="/generate" variant="contained">
                      {t("pages.generate")}
                    </Button>
                  </>
                )}
              </Stack>
            ) : view === "table" ? (
              <JobTable jobs={list.jobs} search={search} marked={marked} onMark={mark} onMarkAll={markAll} onChange={change} />
            ) : (
              <JobWall jobs={list.jobs} marked={marked} onMark={mark} />
            )
          }
        </Loaded>
      </Paper>
      {jobs.data === undefined ? null : (
        <Pager list={jobs.data} isOld={jobs.isPlaceholderData} place={place} pageSize={pageSize} onOpen={openPage} />
      )}
    </Box>
  );
}
