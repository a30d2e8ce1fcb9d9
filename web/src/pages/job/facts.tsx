/** The request of a job, its times, what made it, and the file. */
import Box from "@mui/material/Box";
import Divider from "@mui/material/Divider";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Attempt, JobDetail } from "../../api/types";
import { FactList } from "../../components/fact_list";
import { Picture } from "../../components/picture";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";

function withWeights(loras: readonly { name: string; weight: number }[]): string {
  return loras.map(({ name, weight }) => `${name} (${weight})`).join(", ");
}

/** What an attempt was made with: worker, weights, libraries. */
function AttemptFacts({ attempt }: { attempt: Attempt }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const versions = Object.entries(attempt.libraries).map(([name, version]) => `${name} ${version}`);
  const options = Object.entries(attempt.options).map(([name, value]) => `${name} ${value}`);
  const profile = attempt.profile;
  const likeness =
    profile === null
      ? null
      : profile.calibration === null
        ? t("job.profileUnmeasured")
        : t("job.profileFigures", {
            psnr: formats.decimal(profile.psnr_db, 1),
            ssim: formats.decimal(profile.ssim, 4),
            speed: formats.decimal(profile.speed, 2),
          });
  return (
    <Stack sx={{ gap: 1 }}>
      <Typography variant="h3">
        {t("fields.attempt")} {attempt.number}
      </Typography>
      <FactList
        facts={[
          [t("fields.worker"), attempt.worker],
          [t("fields.hardware"), attempt.hardware],
          [t("fields.started"), formats.moment(attempt.started_at)],
          [t("fields.finished"), formats.moment(attempt.ended_at)],
          [t("fields.scheduler"), attempt.scheduler],
          [t("fields.dtype"), attempt.dtype],
          [t("fields.placement"), attempt.placement],
          ["LoRA", withWeights(attempt.loras)],
          [t("generate.upscaler"), attempt.upscaler?.name],
          [t("generate.profile"), attempt.profile?.name],
          [t("fields.likeness"), likeness],
          [t("fields.options"), options.join(", ")],
          [t("fields.revision"), attempt.model_revision],
          [t("fields.libraries"), versions.join(", ")],
          [t("job.errorCode"), attempt.error?.message],
        ]}
      />
    </Stack>
  );
}

/** The pictures and clips that a job starts from. */
function Inputs({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Stack sx={{ gap: 1 }}>
      <Typography variant="h3">{t("generate.inputs")}</Typography>
      <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none", display: "flex", gap: 2, flexWrap: "wrap" }}>
        {job.inputs.map((input, index) => {
          const name = input.role === null ? input.media_type : t(`generate.role.${input.role}`);
          const size = input.width === null || input.height === null ? input.media_type : `${input.width}x${input.height}`;
          return (
            <Box component="li" key={`${input.role ?? ""}-${String(index)}`} sx={{ width: 132 }}>
              {input.media_type.startsWith("image/") ? (
                <Picture link={input.file} alt={name} ratio={Math.max(1, (input.width ?? 1) / (input.height ?? 1))} />
              ) : null}
              <Typography variant="body2">{name}</Typography>
              <Typography variant="body2" color="textSecondary">
                {size}, {formats.bytes(input.size_bytes)}
              </Typography>
            </Box>
          );
        })}
      </Box>
    </Stack>
  );
}

export function Facts({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
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
          [t("generate.profile"), job.profile === "exact" ? null : names.profile(job.profile)],
          ["LoRA", withWeights(job.loras)],
          [t("generate.upscaler"), job.upscaler],
          [t("generate.interpolation"), job.interpolate_fps === null ? null : t("generate.perSecond", { fps: job.interpolate_fps })],
          [t("fields.codec"), job.crf === null ? job.codec : `${job.codec}, CRF ${job.crf}`],
          [t("job.writer"), job.prompt_writer],
          [t("job.writerTrouble"), job.prompt_writer_trouble],
          [t("fields.title"), job.title],
          [t("fields.negativePrompt"), job.negative_prompt],
        ]}
      />
      <FactList
        facts={[
          [t("fields.created"), formats.moment(job.created_at)],
          [t("fields.startAfter"), job.start_after && formats.moment(job.start_after)],
          [t("fields.startBefore"), job.start_before && formats.moment(job.start_before)],
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
      {job.inputs.length > 0 ? <Inputs job={job} /> : null}
      {job.attempts.map((attempt) => (
        <AttemptFacts key={attempt.number} attempt={attempt} />
      ))}
      {file === undefined ? null : (
        <FactList
          facts={[
            [t("fields.fileSize"), formats.bytes(file.size_bytes)],
            ["SHA-256", file.sha256],
            [t("fields.frameHash"), job.media?.frame_hash],
            [t("fields.signedBy"), file.signed_by],
          ]}
        />
      )}
    </Stack>
  );
}
