/** The stages of the current or last attempt, each with its progress and duration. */
import Box from "@mui/material/Box";
import LinearProgress from "@mui/material/LinearProgress";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type JobDetail, hasEnded } from "../../api/types";
import { useJobProgress } from "../../live/live_store";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";
import { STATUS_COLOURS } from "../../theme/statuses";

export function Stages({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const live = useJobProgress(job.job_id);
  const stages = live !== undefined && live.attempt >= job.attempt && live.stages.length > 0 ? live.stages : job.stages;
  if (stages.length === 0) return <Typography color="textSecondary">{t(hasEnded(job.status) ? "job.noStages" : "stage.none")}</Typography>;
  return (
    <Box component="ol" sx={{ m: 0, p: 0, listStyle: "none", display: "grid", gap: 1.25 }}>
      {stages.map((stage) => {
        const name = names.stage(stage.stage);
        // A job that ended otherwise left its last stage unfinished.
        const isStopped = stage.percent < 100 && (job.status === "failed" || job.status === "cancelled");
        const scene = stage.scene === null || job.scenes < 2 ? "" : ` · ${t("job.scene", { number: stage.scene + 1 })}`;
        return (
          <Box component="li" key={`${stage.stage ?? ""}-${stage.scene ?? ""}`}>
            <Box sx={{ display: "flex", justifyContent: "space-between", gap: 1 }}>
              <Typography variant="body2">
                {name}
                {scene}
              </Typography>
              <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
                {isStopped ? t(`status.${job.status}`) : stage.seconds === null ? `${Math.floor(stage.percent)}%` : formats.length(stage.seconds)}
              </Typography>
            </Box>
            <LinearProgress
              variant="determinate"
              value={stage.percent}
              color={stage.percent >= 100 ? "success" : isStopped ? STATUS_COLOURS[job.status] : "primary"}
              aria-label={name + scene}
              sx={{ height: 5, borderRadius: 3 }}
            />
          </Box>
        );
      })}
    </Box>
  );
}
