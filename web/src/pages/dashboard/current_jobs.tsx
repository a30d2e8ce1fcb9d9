/** The jobs that are rendered now, with the picture so far, and those that come next. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import IconButton from "@mui/material/IconButton";
import List from "@mui/material/List";
import ListItemButton from "@mui/material/ListItemButton";
import Stack from "@mui/material/Stack";
import { styled } from "@mui/material/styles";
import Typography from "@mui/material/Typography";
import { type ReactNode, Suspense, lazy, memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useJobs, useNextJobs } from "../../api/queries";
import { useIsOperator } from "../../api/queue_pauses";
import type { Job } from "../../api/types";
import { Ago } from "../../components/ago";
import { clamped } from "../../components/clamped";
import { PauseIcon } from "../../components/icons";
import { JobProgress } from "../../components/job_progress";
import { Loaded } from "../../components/loaded";
import { PictureFrame } from "../../components/picture_frame";
import { Panel } from "../../components/panel";
import { useJobPreview } from "../../live/live_store";
import { useChannel } from "../../live/live_updates";
import { useFormats } from "../../text/use_format";

/** Loaded when it is opened: operators alone do that, and seldom. */
const PauseDialog = lazy(() => import("./pause_dialog"));

/** Running jobs whose pictures are followed. Each costs a channel and its pictures. */
const PICTURED = 8;
const MOST_RUNNING = 50;
const MOST_QUEUED = 12;

/** A line of a list that scrolls. The browser lays out and paints only those in view. */
const Item = styled("li")({ contentVisibility: "auto", containIntrinsicSize: "auto 72px" });

function PreviewOf({ jobId }: { jobId: string }): ReactNode {
  const { t } = useTranslation();
  useChannel(`job:${jobId}`);
  const preview = useJobPreview(jobId);
  return (
    <PictureFrame width={96}>
      {preview === undefined ? null : <img src={preview.image} alt={t("job.previewAlt")} />}
    </PictureFrame>
  );
}

const RunningJob = memo(function RunningJob({ job, isPictured }: { job: Job; isPictured: boolean }): ReactNode {
  const { t } = useTranslation();
  return (
    <Item>
      <ListItemButton component={Link} to={`/jobs/${job.job_id}`} sx={{ gap: 2, px: 1, borderRadius: 2, alignItems: "flex-start" }}>
        {isPictured ? <PreviewOf jobId={job.job_id} /> : null}
        <Box sx={{ minWidth: 0, flexGrow: 1 }}>
          <Typography dir="auto" sx={{ ...clamped(2), mb: 0.5, textAlign: "left", overflowWrap: "anywhere" }}>
            {job.prompt ?? t("status.erased")}
          </Typography>
          <JobProgress job={job} isDetailed />
        </Box>
      </ListItemButton>
    </Item>
  );
});

export function RunningJobs(): ReactNode {
  const { t } = useTranslation();
  const jobs = useJobs({ status: ["processing"], sort: "created_at", order: "asc", limit: MOST_RUNNING });
  return (
    <Panel title={t("dashboard.running")}>
      <Loaded query={jobs} empty={t("empty.running")} isEmpty={(list) => list.jobs.length === 0}>
        {(list) => (
          <List disablePadding sx={{ maxHeight: 440, overflow: "auto", mx: -1 }}>
            {list.jobs.map((job, index) => (
              <RunningJob key={job.job_id} job={job} isPictured={index < PICTURED} />
            ))}
          </List>
        )}
      </Loaded>
    </Panel>
  );
}

export function QueuedJobs(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const next = useNextJobs(MOST_QUEUED);
  const isOperator = useIsOperator();
  const [isAsked, setAsked] = useState(false);
  return (
    <Panel
      title={t("dashboard.queue")}
      aside={
        <Stack direction="row">
          {/* No wider than there is room for on a phone: it comes after the rest, and nothing moves then. */}
          {isOperator ? (
            <IconButton size="small" color="primary" aria-label={t("queue.pause")} title={t("queue.pause")} onClick={() => setAsked(true)}>
              <PauseIcon fontSize="small" />
            </IconButton>
          ) : null}
          <Button component={Link} to="/jobs?status=queued" size="small">
            {t("dashboard.allJobs")}
          </Button>
        </Stack>
      }
    >
      {isAsked ? (
        <Suspense>
          <PauseDialog onClose={() => setAsked(false)} />
        </Suspense>
      ) : null}
      <Loaded query={next} empty={t("empty.queue")} isEmpty={({ jobs }) => jobs.length === 0}>
        {({ jobs }) => (
          <List disablePadding sx={{ maxHeight: 440, overflow: "auto", mx: -1 }}>
            {jobs.map((job) => (
              <li key={job.job_id}>
                <ListItemButton component={Link} to={`/jobs/${job.job_id}`} sx={{ px: 1, borderRadius: 2 }}>
                  <Box sx={{ minWidth: 0 }}>
                    <Typography noWrap dir="auto" sx={{ textAlign: "left" }}>{job.prompt ?? t("status.erased")}</Typography>
                    <Stack direction="row" sx={{ columnGap: 1.5, flexWrap: "wrap" }}>
                      <Typography variant="body2" color="textSecondary">
                        {t(`priority.${job.priority}`)}
                      </Typography>
                      {job.paused_at === null ? null : (
                        <Typography variant="body2" color="textSecondary">
                          {t("status.paused")}
                        </Typography>
                      )}
                      {formats.isAhead(job.not_before) ? (
                        <Typography variant="body2" color="textSecondary">
                          {t("dashboard.starts", { time: formats.moment(job.not_before) })}
                        </Typography>
                      ) : null}
                      {job.queue_position === null ? null : (
                        <Typography variant="body2" color="textSecondary">
                          {t("dashboard.place", { place: job.queue_position + 1 })}
                        </Typography>
                      )}
                      <Typography variant="body2" color="textSecondary">
                        <Ago time={job.created_at} />
                      </Typography>
                    </Stack>
                  </Box>
                </ListItemButton>
              </li>
            ))}
          </List>
        )}
      </Loaded>
    </Panel>
  );
}
