/** The form of a new video: the prompt first, the rest with what the model usually has, checked while a person types. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Collapse from "@mui/material/Collapse";
import FormControlLabel from "@mui/material/FormControlLabel";
import Grid from "@mui/material/Grid";
import Paper from "@mui/material/Paper";
import Skeleton from "@mui/material/Skeleton";
import Stack from "@mui/material/Stack";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import type { TFunction } from "i18next";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useTranslation } from "react-i18next";
import { type JobPlan, type Model, type Models, PRIORITIES } from "../../api/types";
import { ErrorLine } from "../../components/error_line";
import { type Formats, useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";
import { charactersOf, shapeOf } from "./checks";
import { type Draft, OF_A_MODEL, SHOTS, type Shots, emptyScene, fpsOf, listedSeconds } from "./draft";
import { DraftChoice, DraftText } from "./fields";
import { type FormState, useFormState } from "./form_state";
import { InputFiles } from "./input_files";
import { LIMITS } from "./limits";
import { STARTS } from "./start_time";
import { StoryboardPreview } from "./storyboard_preview";

/** Loaded when they are opened: few videos need them. */
const MoreSettings = lazy(() => import("./more_settings"));
const SceneList = lazy(() => import("./scene_list"));
const StartFields = lazy(() => import("./start_fields"));

const VARIANTS = ["2", "3", "4", "5", "6", "7", "8"] as const;
const WRITTEN: readonly Shots[] = ["enhanced", "written"];

interface Props {
  catalogue: Models;
  usual: Model;
  draft: Draft;
  /** What stands above the prompt. */
  note?: string;
  isOpenedWide?: boolean;
}

function PromptField({ form }: { form: FormState }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { draft } = form;
  const isList = draft.shots === "list";
  const error = form.errorOf("prompt");
  const count = t("generate.count", { used: formats.count(charactersOf(draft.prompt)), most: formats.count(LIMITS.prompt) });
  return (
    <TextField
      fullWidth
      multiline
      minRows={isList ? 1 : 4}
      maxRows={14}
      label={isList ? t("generate.commonPrompt") : t("generate.prompt")}
      value={draft.prompt}
      error={error !== undefined}
      helperText={error ?? `${count}. ${t(`generate.shotHint.${draft.shots}`)}`}
      slotProps={{ htmlInput: { dir: "auto" } }}
      onChange={(event) => form.change({ prompt: event.target.value })}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.closest("form")?.requestSubmit();
      }}
    />
  );
}

/** Say which seeds the variants of a draft have. */
function variantsHint({ variants, seed }: Draft, t: TFunction): string | undefined {
  if (variants === "") return undefined;
  const first = /^\d{1,15}$/.test(seed) ? Number(seed) : undefined;
  return first === undefined ? t("generate.nextSeeds") : t("generate.seeds", { first: String(first), last: String(first + Number(variants) - 1) });
}

function MainFields({ form, catalogue }: { form: FormState; catalogue: Models }): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  const { draft, model } = form;
  const shape = shapeOf(draft, model);
  const areSecondsListed = listedSeconds(draft) !== undefined;
  const profile = model.profiles.find(({ name }) => name === (draft.profile || "exact"));
  return (
    <Grid container spacing={1.5}>
      <Grid size={{ xs: 12, sm: 6 }}>
        <DraftChoice
          form={{ ...form, change: (part) => form.change({ ...OF_A_MODEL, ...part }) }}
          name="model"
          label={t("fields.model")}
          hint={model.description}
          usual={model.name}
          choices={catalogue.models.map(({ name }) => [name, name])}
        />
      </Grid>
      <Grid size={{ xs: 6, sm: 3 }}>
        <DraftText
          form={form}
          name="duration"
          label={`${t("fields.duration")} (s)`}
          isDisabled={areSecondsListed}
          hint={shape === undefined ? undefined : t("generate.frames", { frames: shape.frames, fps: fpsOf(draft, model) })}
        />
      </Grid>
      <Grid size={{ xs: 6, sm: 3 }}>
        <DraftChoice form={form} name="priority" label={t("fields.priority")} choices={PRIORITIES.map((each) => [each, t(`priority.${each}`)])} />
      </Grid>
      <Grid size={{ xs: 6, sm: 3 }}>
        {model.sizes.length > 0 ? (
          <DraftChoice form={form} name="size" label={t("fields.size")} usual={model.defaults.size} choices={model.sizes.map((size) => [size, size])} />
        ) : (
          <DraftText form={form} name="size" label={t("fields.size")} hint={t("generate.defaultOf", { value: model.defaults.size })} />
        )}
      </Grid>
      {model.styles.length > 0 ? (
        <Grid size={{ xs: 6, sm: 3 }}>
          <DraftChoice form={form} name="style" label={t("fields.style")} choices={[["", t("generate.none")], ...model.styles.map((style) => [style, style] as const)]} />
        </Grid>
      ) : null}
      {model.profiles.length > 1 ? (
        <Grid size={{ xs: 6, sm: 3 }}>
          <DraftChoice
            form={{ ...form, change: (part) => form.change({ steps: "", guidance: "", ...part }) }}
            name="profile"
            label={t("generate.profile")}
            hint={profile?.description}
            choices={model.profiles.map(({ name }) => [name === "exact" ? "" : name, names.profile(name)])}
          />
        </Grid>
      ) : null}
      <Grid size={{ xs: 12, sm: 3 }}>
        <DraftChoice
          form={{
            ...form,
            change: (part) => form.change(part.shots === "list" && draft.scenes.length === 0 ? { ...part, scenes: [emptyScene(), emptyScene()] } : part),
          }}
          name="shots"
          label={t("generate.shots")}
          choices={SHOTS.filter((shots) => Boolean(catalogue.prompt_writer) || !WRITTEN.includes(shots)).map((shots) => [shots, t(`generate.shot.${shots}`)])}
        />
      </Grid>
      {draft.start === "repeated" ? null : (
        <Grid size={{ xs: 6, sm: 3 }}>
          <DraftChoice
            form={form}
            name="variants"
            label={t("generate.variants")}
            hint={variantsHint(draft, t)}
            choices={[["", t("generate.oneVideo")], ...VARIANTS.map((count) => [count, t("generate.variantCount", { count: Number(count) })] as const)]}
          />
        </Grid>
      )}
      <Grid size={{ xs: draft.start === "repeated" ? 12 : 6, sm: 3 }}>
        <DraftChoice form={form} name="start" label={t("generate.start")} choices={STARTS.map((start) => [start, t(`generate.startOf.${start}`)])} />
      </Grid>
    </Grid>
  );
}

/** Name what the button of a draft makes. */
function submitText({ start, variants }: Draft, t: TFunction): string {
  if (start === "repeated") return t("schedules.create");
  return variants === "" ? t("generate.submit") : t("generate.submitAll", { count: Number(variants) });
}

/** Say how long a video will take, and how long all variants will, one after the other. */
function estimateOf(plan: JobPlan, formats: Formats, t: TFunction): string {
  const [one, all] = [plan.estimated_seconds, plan.total_estimated_seconds];
  if (one === null || all === null) return t("generate.noEstimate");
  const time = formats.length(one);
  return plan.variants > 1 ? t("generate.estimateOfAll", { count: plan.variants, time, all: formats.length(all) }) : t("generate.estimate", { time });
}

export function Form({ catalogue, usual, draft: first, note, isOpenedWide = false }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const form = useFormState(first, catalogue.models, usual);
  const [isOpen, setOpen] = useState(isOpenedWide);
  const { draft, model } = form;
  const plan = form.plan.data;
  const planFailure = form.failure === null && plan === undefined ? form.plan.error : null;
  const canChain = model.window_frames > 0;
  return (
    <Box
      component="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        form.submit();
      }}
    >
      <Grid container spacing={2}>
        <Grid size={{ xs: 12, md: 8 }}>
          <Paper variant="outlined" sx={{ p: 2 }}>
            <Stack sx={{ gap: 2 }}>
              {note === undefined ? null : <Alert severity="info">{note}</Alert>}
              <PromptField form={form} />
              <MainFields form={form} catalogue={catalogue} />
              {draft.start === "now" ? null : (
                <Suspense fallback={<Skeleton variant="rounded" height={40} />}>
                  <StartFields form={form} />
                </Suspense>
              )}
              {canChain ? (
                <FormControlLabel
                  control={<Switch checked={draft.isChained} onChange={(event) => form.change({ isChained: event.target.checked })} />}
                  label={t("generate.chained")}
                />
              ) : null}
              {draft.shots === "list" ? (
                <Suspense fallback={<Skeleton variant="rounded" height={160} />}>
                  <SceneList form={form} />
                </Suspense>
              ) : null}
              {model.inputs.length > 0 ? (
                <InputFiles model={model} inputs={draft.inputs} error={form.errorOf("inputs")} onChange={form.changeInputs} />
              ) : null}
              <Box>
                <Button aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
                  {isOpen ? t("generate.fewer") : t("generate.advanced")}
                </Button>
                <Collapse in={isOpen} unmountOnExit>
                  <Suspense fallback={<Skeleton variant="rounded" height={160} />}>
                    <MoreSettings form={form} catalogue={catalogue} />
                  </Suspense>
                </Collapse>
              </Box>
            </Stack>
          </Paper>
        </Grid>
        <Grid size={{ xs: 12, md: 4 }}>
          <Paper variant="outlined" sx={{ p: 2, position: { md: "sticky" }, top: 72, maxHeight: { md: "calc(100vh - 88px)" }, overflowY: { md: "auto" } }}>
            <Stack sx={{ gap: 1.5 }}>
              {plan === undefined ? (
                <Typography color="textSecondary">{t("generate.planHint")}</Typography>
              ) : (
                <Typography>{estimateOf(plan, formats, t)}</Typography>
              )}
              {planFailure === null ? null : <Alert severity="warning"><ErrorLine error={planFailure} /></Alert>}
              {model.workers.length === 0 ? <Alert severity="warning">{t("generate.noWorker")}</Alert> : null}
              {form.failure === null ? null : <Alert severity="error"><ErrorLine error={form.failure} /></Alert>}
              <Button type="submit" variant="contained" size="large" loading={form.isSending}>
                {submitText(draft, t)}
              </Button>
              {plan === undefined ? null : <StoryboardPreview plan={plan} />}
            </Stack>
          </Paper>
        </Grid>
      </Grid>
    </Box>
  );
}
