/** The jobs of a search: how many there are, their order, marks with actions for many, a page of them, and the other pages. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, useCallback, useDeferredValue, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { inOwnDays, useJobs } from "../../api/queries";
import type { Job } from "../../api/types";
import { JobActions } from "../../components/job_actions";
import { Loaded } from "../../components/loaded";
import { useSettings } from "../../session/settings";
import { useFormats } from "../../text/use_format";
import { JobOrder } from "./job_order";
import { JobTable } from "./job_table";
import { JobWall } from "./job_wall";
import { type JobsSearch, filterOf, hasFilters, paramsOf, queryOf, searchOf } from "./jobs_search";
import { type PagePlace, placeQuery } from "./page_place";
import { Pager } from "./pager";
import { StatusChips } from "./status_chips";

interface Props {
  search: JobsSearch;
  place: PagePlace;
  onChange: (part: Partial<JobsSearch>) => void;
  onOpen: (place: PagePlace) => void;
}

export function JobList({ search, place, onChange, onOpen }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const view = useSettings((state) => state.jobsView);
  const pageSize = useSettings((state) => state.pageSize);
  const [marked, setMarked] = useState<ReadonlyMap<string, Job>>(new Map());
  const [isAllMarked, setAllMarked] = useState(false);
  const bar = useRef<HTMLDivElement>(null);
  const jobs = useJobs(queryOf(search, placeQuery(place), pageSize));
  // What comes first is drawn in slices, as the table is.
  const isShown = useDeferredValue(jobs.data !== undefined);
  // Marks are of one search.
  const asked = paramsOf(search).toString();
  const [markedOf, setMarkedOf] = useState(asked);
  if (markedOf !== asked) {
    setMarkedOf(asked);
    unmark();
  }

  function unmark(): void {
    setMarked(new Map());
    setAllMarked(false);
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
    <>
      <Stack direction="row" sx={{ gap: 1.5, my: 1.5, alignItems: "center", flexWrap: "wrap", justifyContent: "space-between" }}>
        <StatusChips statuses={search.statuses} summary={isShown ? jobs.data?.summary : undefined} onChange={onChange} />
        <JobOrder sort={search.sort} order={search.order} onChange={onChange} />
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
              {...(isAllMarked ? { filter: inOwnDays(filterOf(search)), number: total } : { jobs: [...marked.values()], number: marked.size })}
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
                    <Button onClick={() => onChange(searchOf(new URLSearchParams()))}>{t("actions.clearFilters")}</Button>
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
              <JobTable jobs={list.jobs} search={search} marked={marked} onMark={mark} onMarkAll={markAll} onChange={onChange} />
            ) : (
              <JobWall jobs={list.jobs} marked={marked} onMark={mark} />
            )
          }
        </Loaded>
      </Paper>
      {jobs.data === undefined || !isShown ? null : (
        <Pager list={jobs.data} isOld={jobs.isPlaceholderData} place={place} pageSize={pageSize} onOpen={onOpen} />
      )}
    </>
  );
}
