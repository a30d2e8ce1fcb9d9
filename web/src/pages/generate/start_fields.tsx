/** When the job starts, if not now: its time, or the rhythm of a schedule. */
import Alert from "@mui/material/Alert";
import FormControlLabel from "@mui/material/FormControlLabel";
import Grid from "@mui/material/Grid";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Choice } from "../../components/choice";
import { useNames } from "../../text/use_names";
import { DraftText } from "./fields";
import type { FormState } from "./form_state";
import { RHYTHMS, type RunTimes, WEEKDAYS, cronOf, ownZone } from "./start_time";

const THIRD = { xs: 12, sm: 4 };

function StartAfter({ form }: { form: FormState }): ReactNode {
  const { t } = useTranslation();
  const error = form.errorOf("startAfter");
  return (
    <Grid size={THIRD}>
      <TextField
        fullWidth
        size="small"
        type="datetime-local"
        label={t("fields.startAfter")}
        value={form.draft.startAfter}
        error={error !== undefined}
        helperText={error ?? t("generate.startAfterHint")}
        slotProps={{ inputLabel: { shrink: true } }}
        onChange={(event) => form.change({ startAfter: event.target.value })}
      />
    </Grid>
  );
}

function ScheduleFields({ form }: { form: FormState }): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  const { runTimes, catchesUp } = form.draft;
  const { rhythm } = runTimes;
  const zone = useMemo(() => ownZone(), []);
  const isWritten = rhythm === "cron";
  const error = form.errorOf("cron");
  const put = (part: Partial<RunTimes>): void => form.change({ runTimes: { ...runTimes, ...part } });
  return (
    <>
      <Grid size={THIRD}>
        <Choice
          fullWidth
          label={t("schedules.rhythm")}
          value={rhythm}
          choices={RHYTHMS.map((each) => [each, t(`schedules.rhythmOf.${each}`)])}
          // What was chosen before is where a person begins to write.
          onChoose={(chosen) => put({ rhythm: chosen, cron: chosen === "cron" ? (cronOf(runTimes) ?? runTimes.cron) : runTimes.cron })}
        />
      </Grid>
      {rhythm === "weekly" ? (
        <Grid size={THIRD}>
          <Choice
            fullWidth
            label={t("schedules.weekday")}
            value={runTimes.weekday}
            choices={WEEKDAYS.map((each) => [each, names.weekday(each)])}
            onChoose={(weekday) => put({ weekday })}
          />
        </Grid>
      ) : null}
      <Grid size={THIRD}>
        <TextField
          fullWidth
          size="small"
          type={isWritten ? "text" : "time"}
          label={isWritten ? "cron" : t("schedules.time")}
          value={isWritten ? runTimes.cron : runTimes.time}
          error={error !== undefined}
          helperText={error ?? (isWritten ? t("schedules.cronHint") : rhythm === "hourly" ? t("schedules.minuteHint") : undefined)}
          slotProps={{ inputLabel: { shrink: true } }}
          onChange={(event) => put(isWritten ? { cron: event.target.value } : { time: event.target.value })}
        />
      </Grid>
      <Grid size={THIRD}>
        <DraftText form={form} name="zone" label={t("schedules.zone")} hint={t("generate.defaultOf", { value: zone })} />
      </Grid>
      <Grid size={THIRD}>
        <DraftText form={form} name="scheduleName" label={t("schedules.name")} />
      </Grid>
      <Grid size={12}>
        <FormControlLabel
          control={<Switch checked={catchesUp} onChange={(event) => form.change({ catchesUp: event.target.checked })} />}
          label={t("schedules.catchUp")}
        />
      </Grid>
    </>
  );
}

export default function StartFields({ form }: { form: FormState }): ReactNode {
  const { t } = useTranslation();
  const error = form.errorOf("start");
  return (
    <Grid container spacing={1.5} role="group" aria-label={t("generate.start")}>
      {form.draft.start === "later" ? <StartAfter form={form} /> : null}
      {form.draft.start === "repeated" ? <ScheduleFields form={form} /> : null}
      <Grid size={THIRD}>
        <DraftText form={form} name="startTimeout" label={t("generate.startTimeout")} hint={t("generate.startTimeoutHint")} />
      </Grid>
      {error === undefined ? null : (
        <Grid size={12}>
          <Alert severity="error">{error}</Alert>
        </Grid>
      )}
    </Grid>
  );
}
