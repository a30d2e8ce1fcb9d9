/** The settings of a video that few change: steps, seed, frames per second, what enlarges it, its file. */
import Grid from "@mui/material/Grid";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Models } from "../../api/types";
import { mostCrf, usualGuidance, usualSteps } from "./checks";
import { fpsOf } from "./draft";
import { DraftChoice, DraftText } from "./fields";
import type { FormState } from "./form_state";
import { LoraList } from "./lora_list";

const FACTORS = ["2", "4"] as const;

export default function MoreSettings({ form, catalogue }: { form: FormState; catalogue: Models }): ReactNode {
  const { t } = useTranslation();
  const { draft, model } = form;
  const { steps, isFixed } = usualSteps(draft, model);
  const fps = fpsOf(draft, model);
  const loras = catalogue.loras.filter((lora) => lora.models.includes(model.name));
  const { upscalers } = catalogue;
  return (
    <Grid container spacing={1.5} sx={{ mt: 1 }}>
      <Grid size={{ xs: 6, sm: 4 }}>
        <DraftText
          form={form}
          name="steps"
          label={t("fields.steps")}
          isDisabled={isFixed}
          hint={isFixed ? t("generate.fixedSteps", { count: steps }) : t("generate.defaultOf", { value: steps })}
        />
      </Grid>
      <Grid size={{ xs: 6, sm: 4 }}>
        <DraftText form={form} name="guidance" label={t("fields.guidance")} hint={t("generate.defaultOf", { value: usualGuidance(draft, model) })} />
      </Grid>
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftText form={form} name="seed" label={t("fields.seed")} hint={t("generate.seedHint")} />
      </Grid>
      <Grid size={12}>
        <DraftText form={form} name="negativePrompt" label={t("fields.negativePrompt")} hint={model.defaults.negative_prompt ? t("generate.usualNegative") : undefined} />
      </Grid>
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftText form={form} name="fps" label={t("fields.fps")} hint={t("generate.defaultOf", { value: model.defaults.fps })} />
      </Grid>
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftChoice
          form={form}
          name="interpolation"
          label={t("generate.interpolation")}
          hint={draft.interpolation === "" ? undefined : t("generate.interpolationHint")}
          choices={[["", t("generate.none")], ...FACTORS.map((factor) => [factor, t("generate.perSecond", { fps: fps * Number(factor) })] as const)]}
        />
      </Grid>
      {upscalers.length > 0 ? (
        <Grid size={{ xs: 12, sm: 4 }}>
          <DraftChoice
            form={form}
            name="upscaler"
            label={t("generate.upscaler")}
            hint={upscalers.find(({ name }) => name === draft.upscaler)?.description}
            choices={[["", t("generate.none")], ...upscalers.map(({ name, scale }) => [name, `${name} (${scale}×)`] as const)]}
          />
        </Grid>
      ) : null}
      {loras.length > 0 ? (
        <Grid size={12}>
          <LoraList form={form} loras={loras} />
        </Grid>
      ) : null}
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftChoice
          form={form}
          name="codec"
          label={t("fields.codec")}
          usual={model.defaults.codec}
          choices={[...new Set([model.defaults.codec, ...model.codecs])].map((codec) => [codec, codec] as const)}
        />
      </Grid>
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftText form={form} name="crf" label={t("generate.crf")} hint={t("generate.crfHint", { most: mostCrf(draft.codec, model) })} />
      </Grid>
      <Grid size={{ xs: 12, sm: 4 }}>
        <DraftText form={form} name="title" label={t("fields.title")} hint={t("generate.titleHint")} />
      </Grid>
    </Grid>
  );
}
