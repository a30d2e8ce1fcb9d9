/** The progress of a job that has not ended: what live updates say, or else what was read. */
import Box from "@mui/material/Box";
import LinearProgress from "@mui/material/LinearProgress";
import Typography from "@mui/material/Typography";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/types";
import { useJobProgress } from "../live/live_store";
import type { JobProgress as Progress } from "../live/messages";
import { useFormats } from "../text/use_format";
import { useNames } from "../text/use_names";

/** The newest of what live updates say of a job and what was read. */
export function useNewest(job: Job): Job | Progress {
  const progress = useJobProgress(job.job_id);
  return progress !== undefined && progress.at !== null && progress.at >= job.updated_at ? progress : job;
}

interface Props {
  job: Job;
  /** Whether stage, step and remaining time stand below the bar. */
  isDetailed?: boolean;
}

export const JobProgress = memo(function JobProgress({ job, isDetailed = false }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const newest = useNewest(job);
  const isRunning = newest.status === "processing";
  const step = "step" in newest && newest.step !== null && newest.steps ? newest : undefined;
  const words = [
    isRunning ? names.stage(newest.stage) : t(`status.${newest.status}`),
    isRunning && newest.scenes > 1 && newest.scene !== null ? t("job.scene", { number: newest.scene + 1 }) : "",
    isRunning && step !== undefined ? t("job.step", { step: step.step, steps: step.steps }) : "",
    isRunning && newest.eta_seconds !== null ? t("dashboard.remaining", { time: formats.length(newest.eta_seconds) }) : "",
  ];
  return (
    <Box sx={{ minWidth: 90 }}>
      <Box sx={{ display: "flex", alignItems: "center", gap: 1 }}>
        <LinearProgress
          variant="determinate"
          value={newest.percent}
          aria-label={t("fields.progress")}
          sx={{ flexGrow: 1, height: 6, borderRadius: 3 }}
        />
        <Typography variant="body2" sx={{ fontVariantNumeric: "tabular-nums", minWidth: "3.2ch", textAlign: "right" }}>
          {Math.floor(newest.percent)}%
        </Typography>
      </Box>
      {isDetailed ? (
        <Typography variant="body2" color="textSecondary">
          {words.filter(Boolean).join(" · ")}
        </Typography>
      ) : null}
    </Box>
  );
});
