/** Exports of the log: events as lines, or an archive that proves itself, with how far they are. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Checkbox from "@mui/material/Checkbox";
import FormControlLabel from "@mui/material/FormControlLabel";
import Grid from "@mui/material/Grid";
import LinearProgress from "@mui/material/LinearProgress";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type CommitSelection, type ExportProgress, exportBundle, exportEvents } from "../../api/event_export";
import { saveBlob } from "../../api/save_blob";
import { Choice } from "../../components/choice";
import { ErrorLine } from "../../components/error_line";
import { Panel } from "../../components/panel";
import { JOB_ID } from "../../text/format";
import { useFormats } from "../../text/use_format";
import type { TabProps } from "./audit_search";

const FORMATS = ["jsonl", "bundle"] as const;
type ExportFormat = (typeof FORMATS)[number];

const FILE_OF: Record<ExportFormat, string> = { jsonl: "events.jsonl", bundle: "bundle.zip" };

/** How an export stands. */
type Standing =
  | { state: "none" }
  | { state: "making" }
  | { state: "events"; progress: ExportProgress }
  | { state: "bytes"; received: number; size: number }
  | { state: "saved"; text: string }
  | { state: "stopped" }
  | { state: "failed"; error: unknown };

function utc(local: string): string {
  const time = Date.parse(local);
  return Number.isNaN(time) ? "" : new Date(time).toISOString();
}

function ExportStanding({ standing }: { standing: Standing }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  switch (standing.state) {
    case "none":
      return null;
    case "making":
      return (
        <Box>
          <Typography variant="body2">{t("audit.making")}</Typography>
          <LinearProgress aria-label={t("audit.making")} sx={{ mt: 0.5 }} />
        </Box>
      );
    case "events": {
      const { events, position, last } = standing.progress;
      return (
        <Box>
          <Typography variant="body2">
            {t("audit.exporting", { events: formats.count(events), position: formats.count(position), last: formats.count(last) })}
          </Typography>
          <LinearProgress variant="determinate" aria-label={t("audit.export")} value={last === 0 ? 0 : (100 * position) / last} sx={{ mt: 0.5 }} />
        </Box>
      );
    }
    case "bytes": {
      const { received, size } = standing;
      return (
        <Box>
          <Typography variant="body2">{t("audit.receiving", { received: formats.bytes(received), size: formats.bytes(size) })}</Typography>
          <LinearProgress variant="determinate" aria-label={t("audit.export")} value={size === 0 ? 0 : (100 * received) / size} sx={{ mt: 0.5 }} />
        </Box>
      );
    }
    case "saved":
      return <Alert severity="success">{standing.text}</Alert>;
    case "stopped":
      return <Alert severity="info">{t("audit.stopped")}</Alert>;
    case "failed":
      return (
        <Alert severity="error">
          <ErrorLine error={standing.error} />
        </Alert>
      );
  }
}

export default function ExportTab({ rights }: TabProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const [format, setFormat] = useState<ExportFormat>("jsonl");
  const [selection, setSelection] = useState<CommitSelection>({ job: "", actor: "", tenant: "", since: "", until: "" });
  const [withTexts, setWithTexts] = useState(false);
  const [withFiles, setWithFiles] = useState(false);
  const [standing, setStanding] = useState<Standing>({ state: "none" });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const isRunning = ["making", "events", "bytes"].includes(standing.state);
  const { job, since, until } = selection;
  const isJobWrong = job !== "" && !JOB_ID.test(job);
  const areTimesWrong = since !== "" && until !== "" && Date.parse(until) <= Date.parse(since);

  async function start(): Promise<void> {
    const stop = new AbortController();
    running.current = stop;
    const chosen = { ...selection, actor: selection.actor.trim(), tenant: selection.tenant.trim(), since: utc(since), until: utc(until) };
    const name = FILE_OF[format];
    setStanding({ state: format === "bundle" ? "making" : "events", progress: { events: 0, position: 0, last: 0 } });
    try {
      if (format === "jsonl") {
        // Drawn a few times a second: events come by the thousand.
        let drawnAt = 0;
        const show = (progress: ExportProgress): void => {
          if (performance.now() - drawnAt < 100) return;
          drawnAt = performance.now();
          setStanding({ state: "events", progress });
        };
        const { blob, events, last } = await exportEvents(chosen, withTexts && rights.mayRead, show, stop.signal);
        saveBlob(name, blob);
        setStanding({ state: "saved", text: t("audit.exported", { name, events: formats.count(events), position: formats.count(last) }) });
      } else {
        const content = { files: withFiles && rights.mayRead, prompts: withTexts && rights.mayRead };
        const blob = await exportBundle(chosen, content, (received, size) => setStanding({ state: "bytes", received, size }), stop.signal);
        saveBlob(name, blob);
        setStanding({ state: "saved", text: t("audit.bundled", { name, size: formats.bytes(blob.size) }) });
      }
    } catch (error) {
      if (!stop.signal.aborted) setStanding({ state: "failed", error });
      else if (running.current === stop) setStanding({ state: "stopped" });
    }
  }

  function text(name: "job" | "actor" | "tenant", label: string, helperText: string, isWrong = false): ReactNode {
    return (
      <Grid size={{ xs: 12, sm: 6, md: 4 }}>
        <TextField
          fullWidth
          size="small"
          label={label}
          value={selection[name]}
          error={isWrong}
          helperText={helperText}
          slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: "none", autoComplete: "off" } }}
          onChange={(event) => setSelection({ ...selection, [name]: event.target.value })}
        />
      </Grid>
    );
  }

  return (
    <Panel title={t("audit.export")}>
      <Stack
        component="form"
        noValidate
        sx={{ gap: 2 }}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isRunning && !isJobWrong && !areTimesWrong) void start();
        }}
      >
        <Grid container spacing={2}>
          <Grid size={{ xs: 12, sm: 6, md: 4 }}>
            <Choice
              fullWidth
              label={t("audit.format")}
              value={format}
              choices={FORMATS.map((each) => [each, t(`audit.formatOf.${each}`)] as const)}
              onChoose={setFormat}
            />
            <Typography variant="body2" color="textSecondary" sx={{ mt: 0.5, mx: 1.75, fontSize: "0.75rem" }}>
              {format === "jsonl" ? t("audit.parquetHint") : t("audit.bundleHint")}
            </Typography>
          </Grid>
          {(["since", "until"] as const).map((name) => (
            <Grid key={name} size={{ xs: 12, sm: 6, md: 4 }}>
              <TextField
                fullWidth
                size="small"
                type="datetime-local"
                label={t(name === "since" ? "audit.decidedSince" : "audit.decidedUntil")}
                value={selection[name]}
                error={name === "until" && areTimesWrong}
                helperText={name === "until" && areTimesWrong ? t("audit.badTimes") : t("audit.empty")}
                slotProps={{ inputLabel: { shrink: true } }}
                onChange={(event) => setSelection({ ...selection, [name]: event.target.value })}
              />
            </Grid>
          ))}
          {text("actor", t("audit.actor"), t("audit.empty"))}
          {text("job", t("fields.job"), isJobWrong ? t("audit.badJob") : t("audit.empty"), isJobWrong)}
          {rights.isOperator ? text("tenant", t("fields.tenant"), t("audit.ownTenant")) : null}
        </Grid>
        {rights.mayRead ? (
          <Stack>
            <FormControlLabel
              control={<Checkbox checked={withTexts} onChange={(_, isOn) => setWithTexts(isOn)} />}
              label={format === "jsonl" ? t("audit.withPrompts") : t("audit.withKeys")}
            />
            {format === "bundle" ? (
              <FormControlLabel control={<Checkbox checked={withFiles} onChange={(_, isOn) => setWithFiles(isOn)} />} label={t("audit.withFiles")} />
            ) : null}
          </Stack>
        ) : null}
        <Stack direction="row" sx={{ gap: 1 }}>
          <Button type="submit" variant="contained" disabled={isRunning}>
            {t("audit.start")}
          </Button>
          {isRunning ? <Button onClick={() => running.current?.abort()}>{t("audit.stop")}</Button> : null}
        </Stack>
        <Box aria-live="polite">
          <ExportStanding standing={standing} />
        </Box>
      </Stack>
    </Panel>
  );
}
