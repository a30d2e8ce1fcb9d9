/** The progress of a job that has not ended: what live updates say, or else what was read. */
import { styled } from "@mui/material/styles";
import { type ReactNode, memo } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/types";
import { useJobProgress } from "../live/live_store";
import type { JobProgress as Progress } from "../live/messages";
import { useFormats } from "../text/use_format";
import { useNames } from "../text/use_names";

// They are drawn many times a second: their styles do not depend on what they show.
const Root = styled("div")({ minWidth: 90 });
const Line = styled("div")({ display: "flex", alignItems: "center", gap: 8 });
const Track = styled("div")(({ theme }) => ({
  flexGrow: 1,
  height: 6,
  borderRadius: 3,
  overflow: "hidden",
  backgroundColor: `rgba(${theme.vars?.palette.primary.mainChannel ?? "128 128 128"} / 0.3)`,
}));
const Bar = styled("div")(({ theme }) => ({
  height: "100%",
  transformOrigin: "left",
  backgroundColor: theme.vars?.palette.primary.main,
}));
const Percent = styled("span")(({ theme }) => ({
  ...theme.typography.body2,
  fontVariantNumeric: "tabular-nums",
  minWidth: "3.2ch",
  textAlign: "right",
}));
const Words = styled("div")(({ theme }) => ({ ...theme.typography.body2, color: theme.vars?.palette.text.secondary }));

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
    <Root>
      <Line>
        <Track role="progressbar" aria-label={t("fields.progress")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(newest.percent)}>
          <Bar style={{ transform: `scaleX(${newest.percent / 100})` }} />
        </Track>
        <Percent>{Math.floor(newest.percent)}%</Percent>
      </Line>
      {isDetailed ? <Words>{words.filter(Boolean).join(" · ")}</Words> : null}
    </Root>
  );
});
