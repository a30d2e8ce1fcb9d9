/** The page of the list as a table. A row is drawn again only if its job has changed. */
import Box from "@mui/material/Box";
import Checkbox from "@mui/material/Checkbox";
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import Table from "@mui/material/Table";
import TableBody from "@mui/material/TableBody";
import TableCell from "@mui/material/TableCell";
import TableContainer from "@mui/material/TableContainer";
import TableHead from "@mui/material/TableHead";
import TableRow from "@mui/material/TableRow";
import TableSortLabel from "@mui/material/TableSortLabel";
import Typography from "@mui/material/Typography";
import useMediaQuery from "@mui/material/useMediaQuery";
import { useTheme } from "@mui/material/styles";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Job } from "../../api/types";
import { Ago } from "../../components/ago";
import { JobProgress, useNewest } from "../../components/job_progress";
import { StatusChip } from "../../components/status_chip";
import { shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";
import { type JobsSearch, SORTS, SORT_FIELDS } from "./jobs_search";

const COLUMNS = ["status", "prompt", "priority", "model", "progress", "duration", "created_at"] as const;
type Column = (typeof COLUMNS)[number];
/** Each column with its name among the texts of fields. */
const FIELDS = { ...SORT_FIELDS, status: "status", prompt: "prompt", model: "model" } as const;
/** Columns that are left out where there is no room. */
const ROOM: Partial<Record<Column, object>> = {
  model: { display: { xs: "none", lg: "table-cell" } },
  progress: { display: { xs: "none", md: "table-cell" } },
  duration: { display: { xs: "none", lg: "table-cell" } },
};
/** Those of a phone, where the rest stands below the prompt: what nobody sees would take as long to draw as what one sees. */
const FEW_COLUMNS = ["prompt"] as const;

const NO_WRAP = { whiteSpace: "nowrap" } as const;

interface RowProps {
  job: Job;
  isMarked: boolean;
  /** Whether there is room for the prompt alone. */
  isNarrow: boolean;
  onMark: (job: Job, isMarked: boolean) => void;
}

const Row = memo(
  function Row({ job, isMarked, isNarrow, onMark }: RowProps): ReactNode {
    const { t } = useTranslation();
    const formats = useFormats();
    const status = useNewest(job, (newest) => newest.status);
    const chip = <StatusChip status={status} isCancelling={job.cancel_requested} isPaused={job.paused_at !== null} />;
    return (
      <TableRow hover selected={isMarked}>
        <TableCell padding="checkbox">
          <Checkbox
            size="small"
            checked={isMarked}
            slotProps={{ input: { "aria-label": t("actions.selectJob", { job: shortId(job.job_id) }) } }}
            onChange={(event) => onMark(job, event.target.checked)}
          />
        </TableCell>
        {isNarrow ? null : <TableCell sx={NO_WRAP}>{chip}</TableCell>}
        <TableCell sx={{ maxWidth: 0, width: "100%" }}>
          <MuiLink component={Link} to={`/jobs/${job.job_id}`} underline="hover" color="text.primary" noWrap dir="auto" title={job.prompt ?? undefined} sx={{ display: "block", textAlign: "left" }}>
            {job.prompt ?? t("status.erased")}
          </MuiLink>
          <Typography variant="body2" color="textSecondary" noWrap>
            {shortId(job.job_id)} · {job.size} · {formats.length(job.duration)}
          </Typography>
          {isNarrow ? (
            <Stack direction="row" sx={{ gap: 1, mt: 0.5, alignItems: "center", justifyContent: "space-between" }}>
              {chip}
              {status === "processing" ? (
                <Box sx={{ flexGrow: 1 }}>
                  <JobProgress job={job} />
                </Box>
              ) : (
                <Typography variant="body2" color="textSecondary" noWrap>
                  <Ago time={job.created_at} />
                </Typography>
              )}
            </Stack>
          ) : null}
        </TableCell>
        {isNarrow ? null : (
          <>
            <TableCell>{t(`priority.${job.priority}`)}</TableCell>
            <TableCell sx={{ ...ROOM.model, maxWidth: 160, minWidth: 100 }}>
              <Typography variant="body2" noWrap title={job.model}>
                {job.model}
              </Typography>
            </TableCell>
            <TableCell sx={{ ...ROOM.progress, minWidth: 120 }}>{status === "processing" ? <JobProgress job={job} /> : null}</TableCell>
            <TableCell sx={{ ...ROOM.duration, ...NO_WRAP }}>{formats.length(job.timings.run_seconds)}</TableCell>
            <TableCell sx={NO_WRAP} title={formats.moment(job.created_at)}>
              <Ago time={job.created_at} />
            </TableCell>
          </>
        )}
      </TableRow>
    );
  },
  (one, other) =>
    one.isMarked === other.isMarked && one.isNarrow === other.isNarrow && one.job.job_id === other.job.job_id && one.job.version === other.job.version && one.onMark === other.onMark,
);

interface Props {
  jobs: readonly Job[];
  search: JobsSearch;
  marked: ReadonlyMap<string, Job>;
  onMark: (job: Job, isMarked: boolean) => void;
  onMarkAll: (jobs: readonly Job[], isMarked: boolean) => void;
  onChange: (part: Partial<JobsSearch>) => void;
}

export function JobTable({ jobs, search, marked, onMark, onMarkAll, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  const number = jobs.filter((job) => marked.has(job.job_id)).length;
  const isNarrow = useMediaQuery(useTheme().breakpoints.down("sm"));

  function heading(column: Column): ReactNode {
    const name = t(`fields.${FIELDS[column]}`);
    const sort = SORTS.find((each) => each === column);
    if (sort === undefined) return name;
    const isActive = search.sort === sort;
    return (
      <TableSortLabel
        active={isActive}
        direction={isActive ? search.order : "desc"}
        aria-label={t("jobs.sortBy", { field: name })}
        onClick={() => onChange({ sort, order: isActive && search.order === "desc" ? "asc" : "desc" })}
      >
        {name}
      </TableSortLabel>
    );
  }

  return (
    <TableContainer component={Box}>
      <Table size="small" sx={{ tableLayout: "auto", "& .MuiTableCell-root:not(:first-of-type)": { px: 1 } }}>
        <TableHead>
          <TableRow>
            <TableCell padding="checkbox">
              <Checkbox
                size="small"
                checked={number === jobs.length}
                indeterminate={number > 0 && number < jobs.length}
                slotProps={{ input: { "aria-label": t("actions.selectPage") } }}
                onChange={(event) => onMarkAll(jobs, event.target.checked)}
              />
            </TableCell>
            {(isNarrow ? FEW_COLUMNS : COLUMNS).map((column) => (
              <TableCell key={column} sx={{ ...ROOM[column], whiteSpace: "nowrap" }} sortDirection={column === search.sort ? search.order : false}>
                {heading(column)}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {jobs.map((job) => (
            <Row key={job.job_id} job={job} isMarked={marked.has(job.job_id)} isNarrow={isNarrow} onMark={onMark} />
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}
