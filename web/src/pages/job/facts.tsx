/** The request of a job, its times, what made it, and the file. */
import Divider from "@mui/material/Divider";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { JobDetail } from "../../api/types";
import { FactList } from "../../components/fact_list";
import { useFormats } from "../../text/use_format";

export function Facts({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const file = job.artifacts.find((artifact) => artifact.kind === "video");
  return (
    <Stack divider={<Divider flexItem />} sx={{ gap: 2 }}>
      <FactList
        facts={[
          [t("fields.model"), job.model],
          [t("fields.size"), job.media === null ? job.size : `${job.media.width}x${job.media.height}`],
          [t("fields.duration"), formats.length(job.media?.duration ?? job.duration)],
          [t("fields.frames"), job.media?.frames ?? job.frames],
          [t("fields.fps"), job.media?.fps ?? job.fps],
          [t("fields.steps"), job.steps],
          [t("fields.guidance"), job.guidance],
          [t("fields.seed"), String(job.seed)],
          [t("fields.style"), job.style],
          [t("fields.priority"), t(`priority.${job.priority}`)],
          [t("fields.codec"), job.codec],
          [t("fields.title"), job.title],
          [t("fields.negativePrompt"), job.negative_prompt],
        ]}
      />
      <FactList
        facts={[
          [t("fields.created"), formats.moment(job.created_at)],
          [t("fields.started"), formats.moment(job.started_at)],
          [t("fields.finished"), formats.moment(job.finished_at)],
          [t("fields.waited"), formats.length(job.timings.wait_seconds)],
          [t("fields.ran"), formats.length(job.timings.run_seconds)],
          [t("fields.gpuSeconds"), formats.length(job.gpu_seconds)],
          [t("fields.actor"), job.actor],
          [t("fields.tenant"), job.tenant],
          [t("fields.job"), job.job_id],
        ]}
      />
      {job.attempts.map((attempt) => (
        <Stack key={attempt.number} sx={{ gap: 1 }}>
          <Typography variant="h3">
            {t("fields.attempt")} {attempt.number}
          </Typography>
          <FactList
            facts={[
              [t("fields.worker"), attempt.worker],
              [t("fields.hardware"), attempt.hardware],
              [t("fields.revision"), attempt.model_revision],
              [t("fields.placement"), attempt.placement],
              [t("fields.started"), formats.moment(attempt.started_at)],
              [t("fields.finished"), formats.moment(attempt.ended_at)],
              [t("job.errorCode"), attempt.error?.message],
            ]}
          />
        </Stack>
      ))}
      {file === undefined ? null : (
        <FactList
          facts={[
            ["SHA-256", file.sha256],
            [t("fields.size"), formats.bytes(file.size_bytes)],
            [t("fields.frameHash"), job.media?.frame_hash],
          ]}
        />
      )}
    </Stack>
  );
}
