/** The video or the picture so far, the stages, and the facts of a job. */
import Grid from "@mui/material/Grid";
import Typography from "@mui/material/Typography";
import { type ReactNode, Suspense, lazy } from "react";
import { useTranslation } from "react-i18next";
import { type JobDetail, hasEnded } from "../../api/types";
import { useNewest } from "../../components/job_progress";
import { PictureFrame } from "../../components/picture_frame";
import { Panel } from "../../components/panel";
import { useJobPreview } from "../../live/live_store";
import { Facts } from "./facts";
import { Player } from "./player";
import { Stages } from "./stages";

function PictureSoFar({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const preview = useJobPreview(job.job_id);
  if (hasEnded(job.status)) return <Typography color="textSecondary">{t("job.noVideo")}</Typography>;
  return (
    <PictureFrame ratio={job.width / job.height} isCut={false}>
      {preview === undefined ? (
        <Typography color="textSecondary" sx={{ p: 2, textAlign: "center" }}>
          {job.status === "processing" ? t("job.noPreview") : t(job.paused_at === null ? `status.${job.status}` : "status.paused")}
        </Typography>
      ) : (
        <img src={preview.image} alt={t("job.previewAlt")} />
      )}
    </PictureFrame>
  );
}

const LiveVideo = lazy(() => import("./live_video"));

/** Stages in which frames of the running scene were decoded. */
const DRAWN: readonly (string | null)[] = ["decode", "postprocess", "assemble", "sign", "store"];

/** What is drawn so far: the picture of the steps, and once frames are decoded the video. */
function DrawnSoFar({ job }: { job: JobDetail }): ReactNode {
  const isDrawn = useNewest(job, ({ status, stage, scene }) => Number(status === "processing" && (DRAWN.includes(stage) || (scene ?? 0) > 0)));
  const picture = <PictureSoFar job={job} />;
  if (!isDrawn || !("MediaSource" in window)) return picture;
  return (
    <Suspense fallback={picture}>
      <LiveVideo key={job.attempt} job={job}>
        {picture}
      </LiveVideo>
    </Suspense>
  );
}

export function OverviewTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  return (
    <Grid container spacing={2}>
      <Grid size={{ xs: 12, md: 7 }}>
        <Panel title={t("job.player")}>
          {job.status === "completed" && !job.erased ? <Player job={job} /> : <DrawnSoFar job={job} />}
        </Panel>
      </Grid>
      <Grid size={{ xs: 12, md: 5 }}>
        <Panel title={t("job.stages")}>
          <Stages job={job} />
        </Panel>
      </Grid>
      <Grid size={12}>
        <Panel title={t("job.facts")}>
          <Facts job={job} />
        </Panel>
      </Grid>
    </Grid>
  );
}
