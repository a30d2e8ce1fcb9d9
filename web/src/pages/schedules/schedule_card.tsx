/** One schedule: its times, its job, its last run; it can be paused, resumed and deleted. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import MuiLink from "@mui/material/Link";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, Suspense, lazy, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useScheduleAction } from "../../api/schedules";
import type { Schedule } from "../../api/types";
import { clamped } from "../../components/clamped";
import { FactList } from "../../components/fact_list";
import { ServerText } from "../../components/server_text";
import { useNotices } from "../../session/notices";
import { shortId } from "../../text/format";
import { useErrorText } from "../../text/use_error_text";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";
import { runTimesOf } from "../generate/start_time";

/** Loaded when something is asked. */
const Confirm = lazy(async () => ({ default: (await import("../../components/confirm")).Confirm }));

/** Return a text of the job, which is as the server takes it. */
function textOf(job: Readonly<Record<string, unknown>>, field: string): string {
  const value = job[field];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Return the prompt of the job, with those of its scenes. */
function promptOf(job: Readonly<Record<string, unknown>>): string {
  const scenes = Array.isArray(job["scenes"]) ? (job["scenes"] as { prompt?: string }[]) : [];
  return [textOf(job, "prompt"), ...scenes.map(({ prompt = "" }) => prompt)].filter(Boolean).join(" · ");
}

export function ScheduleCard({ schedule }: { schedule: Schedule }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const errorText = useErrorText();
  const show = useNotices((state) => state.show);
  const action = useScheduleAction();
  const id = useId();
  const [isAsked, setAsked] = useState(false);
  const isPaused = schedule.paused_at !== null;
  const name = schedule.name || shortId(schedule.schedule_id);
  const times = runTimesOf(schedule.cron);

  function timesText(): string {
    const { rhythm, time, weekday } = times;
    switch (rhythm) {
      case "cron":
        return schedule.cron;
      case "hourly":
        return t("schedules.everyHour", { minute: time.slice(-2) });
      case "weekly":
        return t("schedules.everyWeek", { weekday: names.weekday(weekday), time });
      default:
        return t(rhythm === "daily" ? "schedules.everyDay" : "schedules.everyWeekday", { time });
    }
  }

  async function act(what: "pause" | "resume" | "delete"): Promise<void> {
    setAsked(false);
    try {
      await action.mutateAsync({ what, scheduleId: schedule.schedule_id });
    } catch (error) {
      const { text, detail } = errorText(error);
      show("error", text, { detail });
    }
  }

  return (
    <Paper component="section" aria-labelledby={id} variant="outlined" sx={{ p: 2 }}>
      <Stack direction="row" sx={{ gap: 1, alignItems: "center", flexWrap: "wrap", mb: 1 }}>
        <Typography id={id} variant="h2" sx={{ minWidth: 0, overflowWrap: "anywhere" }}>
          {name}
        </Typography>
        {isPaused ? <Chip size="small" variant="outlined" label={t("schedules.paused")} /> : null}
        <Stack direction="row" sx={{ gap: 1, ml: "auto" }}>
          <Button size="small" variant="outlined" disabled={action.isPending} onClick={() => void act(isPaused ? "resume" : "pause")}>
            {isPaused ? t("schedules.resume") : t("schedules.pause")}
          </Button>
          <Button size="small" variant="outlined" color="error" disabled={action.isPending} onClick={() => setAsked(true)}>
            {t("schedules.delete")}
          </Button>
        </Stack>
      </Stack>
      <Typography dir="auto" title={promptOf(schedule.job)} sx={{ ...clamped(3), overflowWrap: "anywhere", textAlign: "left", mb: 1.5 }}>
        {promptOf(schedule.job)}
      </Typography>
      <FactList
        facts={[
          [t("schedules.runs"), `${timesText()} (${schedule.zone})`],
          [t("schedules.next"), isPaused ? "–" : formats.moment(schedule.next_run_at)],
          [
            t("schedules.last"),
            schedule.last_run_at === null || schedule.last_job_id === null ? (
              formats.moment(schedule.last_run_at)
            ) : (
              <MuiLink key="last" component={Link} to={`/jobs/${schedule.last_job_id}`}>
                {formats.moment(schedule.last_run_at)}
              </MuiLink>
            ),
          ],
          [t("fields.model"), textOf(schedule.job, "model")],
          [t("schedules.missed"), schedule.catch_up ? t("schedules.madeUp") : t("schedules.leftOut")],
          [t("fields.actor"), schedule.created_by],
        ]}
      />
      {schedule.problem === "" ? null : (
        <Alert severity="warning" sx={{ mt: 1.5 }}>
          {t("schedules.problem")} <ServerText>{schedule.problem}</ServerText>
        </Alert>
      )}
      {isAsked ? (
        <Suspense>
          <Confirm isOpen question={t("schedules.deleteAsk", { name })} onNo={() => setAsked(false)} onYes={() => void act("delete")} />
        </Suspense>
      ) : null}
    </Paper>
  );
}
