/** The video or the picture so far, the stages, and the facts of a job. */
import Box from "@mui/material/Box";
import Grid from "@mui/material/Grid";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { JobDetail } from "../../api/types";
import { Panel } from "../../components/panel";
import { useJobPreview } from "../../live/live_store";
import { Facts } from "./facts";
import { Player } from "./player";
import { Stages } from "./stages";

function PictureSoFar({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const preview = useJobPreview(job.job_id);
  return (
    <Box
      sx={{
        aspectRatio: `${job.width} / ${job.height}`,
        maxHeight: 480,
        maxWidth: "100%",
        mx: "auto",
        borderRadius: 1,
        bgcolor: "action.hover",
        display: "grid",
        placeItems: "center",
        "& img": { width: "100%", height: "100%", objectFit: "contain" },
      }}
    >
      {preview === undefined ? (
        <Typography color="textSecondary" sx={{ p: 2, textAlign: "center" }}>
          {job.status === "processing" ? t("job.noPreview") : t(`status.${job.erased ? "erased" : job.status}`)}
        </Typography>
      ) : (
        <img src={preview.image} alt={t("job.previewAlt")} />
      )}
    </Box>
  );
}

export function OverviewTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  return (
    <Grid container spacing={2}>
      <Grid size={{ xs: 12, md: 7 }}>
        <Panel title={t("job.player")}>
          {job.status === "completed" && !job.erased ? <Player job={job} /> : <PictureSoFar job={job} />}
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
