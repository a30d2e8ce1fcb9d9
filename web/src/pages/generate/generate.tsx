/** A new video: the prompt first, the rest with what the model usually has, checked while a person types. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Collapse from "@mui/material/Collapse";
import Grid from "@mui/material/Grid";
import MenuItem from "@mui/material/MenuItem";
import Paper from "@mui/material/Paper";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router";
import { answered, gateway } from "../../api/gateway";
import { useJob, useJobs, useModels } from "../../api/queries";
import { RequestFailed } from "../../api/problem";
import { type JobDetail, type Model, PRIORITIES, type Priority } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { PageHeading } from "../../components/page_heading";
import { useNotices } from "../../session/notices";
import { shortId } from "../../text/format";
import { useErrorText } from "../../text/use_error_text";
import { useFormats } from "../../text/use_format";
import {
  type Draft,
  EMPTY_DRAFT,
  MOST_CHARACTERS,
  charactersOf,
  type Trouble,
  draftOf,
  requestOf,
  shapeOf,
  troublesOf,
  unknownWords,
} from "./draft";
import { estimateOf } from "./estimate";
import { InputFiles } from "./input_files";

const PAST_JOBS = 50;
const SHOTS = ["one", "auto", "written"] as const;
/** Fields of the server's request by those of the draft, where the names differ. */
const FIELD_NAMES: Partial<Record<keyof Draft, string>> = { negativePrompt: "negative_prompt" };

interface FormProps {
  models: readonly Model[];
  hasWriter: boolean;
  from: JobDetail | undefined;
}

function Form({ models, hasWriter, from }: FormProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const errorText = useErrorText();
  const navigate = useNavigate();
  const show = useNotices((state) => state.show);
  const usual = models.find((model) => model.is_default) ?? models[0];
  const [draft, setDraft] = useState<Draft>(from === undefined ? { ...EMPTY_DRAFT, model: usual?.name ?? "" } : draftOf(from));
  const [isTried, setTried] = useState(false);
  const [isOpen, setOpen] = useState(from !== undefined);
  // The same request sent again, such as after a lost answer, is one job. A changed draft is another one.
  const [requestId, setRequestId] = useState(() => crypto.randomUUID());
  const model = models.find((each) => each.name === draft.model) ?? usual;
  const past = useJobs({ status: ["completed"], model: [draft.model], limit: PAST_JOBS });
  const submit = useMutation({
    mutationFn: () => answered(gateway.POST("/api/v1/generate", { body: requestOf(draft, requestId) })),
    onSuccess: (answer) => {
      show("success", t("generate.submitted", { job: shortId(answer.job_id) }));
      void navigate(`/jobs/${answer.job_id}`);
    },
  });
  if (model === undefined) return <Alert severity="warning">{t("generate.noWorker")}</Alert>;
  const chosen = model;

  const troubles = troublesOf(draft, chosen);
  const unknown = unknownWords(draft.prompt, chosen);
  const shape = shapeOf(draft, chosen);
  const seconds = shape === undefined || past.isPlaceholderData ? undefined : estimateOf(shape, past.data?.jobs ?? []);
  const violations = submit.error instanceof RequestFailed ? submit.error.violations : [];

  function change(part: Partial<Draft>): void {
    setDraft({ ...draft, ...part });
    setRequestId(crypto.randomUUID());
    submit.reset();
  }

  function textOf(trouble: Trouble): string {
    switch (trouble.kind) {
      case "tooLong":
        return t("generate.tooLong", { most: trouble.most });
      case "range":
        return t("generate.range", { least: trouble.least, most: trouble.most });
      case "whole":
        return t("generate.whole", { least: trouble.least });
      case "missingInput":
        return t("generate.missingInput", { role: t(`generate.role.${trouble.role}`) });
      default:
        return t(`generate.${trouble.kind}`);
    }
  }

  /** Return the error of a field: what the page sees while one types, and what the server said. */
  function errorOf(field: keyof Draft): string | undefined {
    const trouble = troubles[field];
    if (trouble !== undefined && (isTried || (trouble.kind !== "required" && trouble.kind !== "missingInput"))) return textOf(trouble);
    return violations.find((violation) => violation.field === (FIELD_NAMES[field] ?? field))?.message;
  }

  function text(field: "negativePrompt" | "duration" | "size" | "steps" | "guidance" | "seed" | "title", label: string, hint?: string): ReactNode {
    const error = errorOf(field);
    const isNumber = ["duration", "steps", "guidance", "seed"].includes(field);
    return (
      <TextField
        fullWidth
        size="small"
        label={label}
        value={draft[field]}
        error={error !== undefined}
        helperText={error ?? hint}
        slotProps={{ htmlInput: isNumber ? { inputMode: "decimal" } : {} }}
        onChange={(event) => change({ [field]: event.target.value })}
      />
    );
  }

  const sizeError = errorOf("size");
  const promptError = errorOf("prompt");
  return (
    <Box
      component="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (Object.keys(troubles).length === 0 && !submit.isPending) submit.mutate();
      }}
    >
      <Grid container spacing={2}>
        <Grid size={{ xs: 12, md: 8 }}>
          <Paper variant="outlined" sx={{ p: 2 }}>
            <Stack sx={{ gap: 2 }}>
              {from === undefined ? null : <Alert severity="info">{t("generate.again", { job: shortId(from.job_id) })}</Alert>}
              <TextField
                fullWidth
                multiline
                minRows={4}
                maxRows={14}
                label={t("generate.prompt")}
                value={draft.prompt}
                error={promptError !== undefined}
                helperText={promptError ?? `${t("generate.count", { used: formats.count(charactersOf(draft.prompt)), most: formats.count(MOST_CHARACTERS) })}. ${t("generate.promptHint")}`}
                onChange={(event) => change({ prompt: event.target.value })}
                onKeyDown={(event) => {
                  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.closest("form")?.requestSubmit();
                }}
              />
              {unknown.length > 0 ? <Alert severity="warning">{t("generate.unknownWords", { words: unknown.join(", ") })}</Alert> : null}
              <Grid container spacing={1.5}>
                <Grid size={{ xs: 12, sm: 6 }}>
                  <TextField
                    select
                    fullWidth
                    size="small"
                    label={t("fields.model")}
                    value={chosen.name}
                    helperText={chosen.description}
                    onChange={(event) => change({ model: event.target.value, style: "", size: "", inputs: [] })}
                  >
                    {models.map((each) => (
                      <MenuItem key={each.name} value={each.name}>
                        {each.name}
                      </MenuItem>
                    ))}
                  </TextField>
                </Grid>
                <Grid size={{ xs: 6, sm: 3 }}>
                  {text(
                    "duration",
                    `${t("fields.duration")} (s)`,
                    shape === undefined ? undefined : t("generate.frames", { frames: shape.frames, fps: chosen.defaults.fps }),
                  )}
                </Grid>
                <Grid size={{ xs: 6, sm: 3 }}>
                  <TextField
                    select
                    fullWidth
                    size="small"
                    label={t("fields.priority")}
                    value={draft.priority}
                    onChange={(event) => change({ priority: event.target.value as Priority })}
                  >
                    {PRIORITIES.map((each) => (
                      <MenuItem key={each} value={each}>
                        {t(`priority.${each}`)}
                      </MenuItem>
                    ))}
                  </TextField>
                </Grid>
                <Grid size={{ xs: 6, sm: 4 }}>
                  {chosen.sizes.length > 0 ? (
                    <TextField
                      select
                      fullWidth
                      size="small"
                      label={t("fields.size")}
                      value={draft.size || chosen.defaults.size}
                      error={sizeError !== undefined}
                      helperText={sizeError}
                      onChange={(event) => change({ size: event.target.value })}
                    >
                      {chosen.sizes.map((size) => (
                        <MenuItem key={size} value={size}>
                          {size}
                        </MenuItem>
                      ))}
                    </TextField>
                  ) : (
                    text("size", t("fields.size"), t("generate.defaultOf", { value: chosen.defaults.size }))
                  )}
                </Grid>
                {chosen.styles.length > 0 ? (
                  <Grid size={{ xs: 6, sm: 4 }}>
                    <TextField
                      select
                      fullWidth
                      size="small"
                      label={t("fields.style")}
                      value={draft.style}
                      onChange={(event) => change({ style: event.target.value })}
                    >
                      <MenuItem value="">–</MenuItem>
                      {chosen.styles.map((style) => (
                        <MenuItem key={style} value={style}>
                          {style}
                        </MenuItem>
                      ))}
                    </TextField>
                  </Grid>
                ) : null}
                <Grid size={{ xs: 12, sm: 4 }}>
                  <TextField
                    select
                    fullWidth
                    size="small"
                    label={t("generate.shots")}
                    value={draft.shots}
                    onChange={(event) => change({ shots: event.target.value as Draft["shots"] })}
                  >
                    {SHOTS.filter((shots) => shots !== "written" || hasWriter).map((shots) => (
                      <MenuItem key={shots} value={shots}>
                        {t(`generate.shot.${shots}`)}
                      </MenuItem>
                    ))}
                  </TextField>
                </Grid>
              </Grid>
              {chosen.inputs.length > 0 ? (
                <InputFiles
                  model={chosen}
                  inputs={draft.inputs}
                  error={errorOf("inputs")}
                  onChange={(inputs) => change({ inputs })}
                />
              ) : null}
              <Box>
                <Button aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
                  {t("generate.advanced")}
                </Button>
                <Collapse in={isOpen} unmountOnExit>
                  <Grid container spacing={1.5} sx={{ mt: 1 }}>
                    <Grid size={{ xs: 6, sm: 4 }}>
                      {text("steps", t("fields.steps"), t("generate.defaultOf", { value: chosen.defaults.steps }))}
                    </Grid>
                    <Grid size={{ xs: 6, sm: 4 }}>
                      {text("guidance", t("fields.guidance"), t("generate.defaultOf", { value: chosen.defaults.guidance }))}
                    </Grid>
                    <Grid size={{ xs: 12, sm: 4 }}>{text("seed", t("fields.seed"), t("generate.seedHint"))}</Grid>
                    <Grid size={12}>{text("negativePrompt", t("fields.negativePrompt"))}</Grid>
                    <Grid size={12}>{text("title", t("fields.title"))}</Grid>
                  </Grid>
                </Collapse>
              </Box>
            </Stack>
          </Paper>
        </Grid>
        <Grid size={{ xs: 12, md: 4 }}>
          <Paper variant="outlined" sx={{ p: 2, position: { md: "sticky" }, top: 72 }}>
            <Stack sx={{ gap: 1.5 }}>
              <Typography>
                {seconds === undefined ? t("generate.noEstimate") : t("generate.estimate", { time: formats.length(seconds) })}
              </Typography>
              {chosen.workers.length === 0 ? <Alert severity="warning">{t("generate.noWorker")}</Alert> : null}
              {submit.isError ? <Alert severity="error">{errorText(submit.error)}</Alert> : null}
              <Button type="submit" variant="contained" size="large" loading={submit.isPending}>
                {t("generate.submit")}
              </Button>
            </Stack>
          </Paper>
        </Grid>
      </Grid>
    </Box>
  );
}

function FormOfJob({ jobId, models, hasWriter }: { jobId: string; models: readonly Model[]; hasWriter: boolean }): ReactNode {
  return (
    <Loaded query={useJob(jobId)} lines={8}>
      {(job) => <Form models={models} hasWriter={hasWriter} from={job} />}
    </Loaded>
  );
}

export default function Generate(): ReactNode {
  const { t } = useTranslation();
  const from = useSearchParams()[0].get("from");
  return (
    <Box>
      <PageHeading title={t("pages.generate")} />
      <Loaded query={useModels()} lines={8}>
        {({ models, prompt_writer }) =>
          from === null ? (
            <Form models={models} hasWriter={Boolean(prompt_writer)} from={undefined} />
          ) : (
            <FormOfJob key={from} jobId={from} models={models} hasWriter={Boolean(prompt_writer)} />
          )
        }
      </Loaded>
    </Box>
  );
}
