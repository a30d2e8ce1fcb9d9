/** The progress of a job that has not ended: what live updates say, or else what was read. */
import { styled } from "@mui/material/styles";
import { type ReactNode, memo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/types";
import { useProgressDrawing, useProgressPart } from "../live/live_store";
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

function newestOf(job: Job, progress: Progress | undefined): Job | Progress {
  return progress !== undefined && progress.at !== null && progress.at >= job.updated_at ? progress : job;
}

/** A part of the newest of what live updates say of a job and what was read. */
export function useNewest<T extends string | number | null>(job: Job, read: (newest: Job | Progress) => T): T {
  return useProgressPart(job.job_id, (progress) => read(newestOf(job, progress)));
}

/** Write a text into an element that has no other content. Its node stays: a new one each time would be garbage. */
function write(element: HTMLElement | null, text: string): void {
  const node = element?.firstChild;
  if (!node) element?.append(text);
  else if (node.nodeValue !== text) node.nodeValue = text;
}

interface Props {
  job: Job;
  /** Whether stage, step and remaining time stand below the bar. */
  isDetailed?: boolean;
}

/** What changes is written into the elements without React: fifty jobs several times a second would keep it busy. */
export const JobProgress = memo(function JobProgress({ job, isDetailed = false }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const track = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const percent = useRef<HTMLSpanElement>(null);
  const words = useRef<HTMLDivElement>(null);

  function wordsOf(newest: Job | Progress): string {
    if (newest.status !== "processing") return t(`status.${newest.status}`);
    const step = "step" in newest && newest.step !== null && newest.steps ? newest : undefined;
    return [
      names.stage(newest.stage),
      newest.scenes > 1 && newest.scene !== null ? t("job.scene", { number: newest.scene + 1 }) : "",
      step === undefined ? "" : t("job.step", { step: step.step, steps: step.steps }),
      newest.eta_seconds === null ? "" : t("dashboard.remaining", { time: formats.length(newest.eta_seconds) }),
    ]
      .filter(Boolean)
      .join(" · ");
  }

  useProgressDrawing(job.job_id, (progress) => {
    const newest = newestOf(job, progress);
    track.current?.setAttribute("aria-valuenow", String(Math.round(newest.percent)));
    if (bar.current !== null) bar.current.style.transform = `scaleX(${newest.percent / 100})`;
    write(percent.current, `${Math.floor(newest.percent)}%`);
    if (isDetailed) write(words.current, wordsOf(newest));
  });
  return (
    <Root>
      <Line>
        <Track ref={track} role="progressbar" aria-label={t("fields.progress")} aria-valuemin={0} aria-valuemax={100}>
          <Bar ref={bar} />
        </Track>
        <Percent ref={percent} />
      </Line>
      {isDetailed ? <Words ref={words} /> : null}
    </Root>
  );
});
