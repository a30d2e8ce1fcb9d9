/** The LoRAs of a video, each with its weight. */
import Box from "@mui/material/Box";
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Lora } from "../../api/types";
import { Choice } from "../../components/choice";
import { CloseIcon } from "../../components/icons";
import type { FormState } from "./form_state";
import { LIMITS } from "./limits";

export function LoraList({ form, loras }: { form: FormState; loras: readonly Lora[] }): ReactNode {
  const { t } = useTranslation();
  const chosen = form.draft.loras;
  const others = loras.filter(({ name }) => !chosen.some((each) => each.name === name));
  const error = form.errorOf("loras");
  return (
    <Stack sx={{ gap: 1.5 }}>
      {chosen.map((each, index) => {
        const lora = loras.find(({ name }) => name === each.name);
        const weightError = form.errorOf(`loras[${index}].weight`) ?? form.errorOf(`loras[${index}].name`);
        return (
          <Box key={each.name} sx={{ display: "flex", gap: 1, alignItems: "flex-start" }}>
            <Box sx={{ flexGrow: 1, minWidth: 0 }}>
              <Typography noWrap>{each.name}</Typography>
              <Typography variant="body2" color="textSecondary">
                {[lora?.description, lora?.trigger_words.length ? t("generate.trigger", { words: lora.trigger_words.join(", ") }) : ""]
                  .filter(Boolean)
                  .join(" ")}
              </Typography>
            </Box>
            <TextField
              size="small"
              label={t("generate.weight")}
              value={each.weight}
              placeholder={String(lora?.default_weight ?? 1)}
              error={weightError !== undefined}
              helperText={weightError}
              sx={{ width: 120, flexShrink: 0 }}
              slotProps={{ htmlInput: { inputMode: "decimal" }, inputLabel: { shrink: true } }}
              onChange={(event) =>
                form.change({ loras: chosen.map((other) => (other === each ? { ...each, weight: event.target.value } : other)) })
              }
            />
            <IconButton
              aria-label={t("generate.remove", { name: each.name })}
              onClick={() => form.change({ loras: chosen.filter((other) => other !== each) })}
            >
              <CloseIcon fontSize="small" />
            </IconButton>
          </Box>
        );
      })}
      {others.length > 0 && chosen.length < LIMITS.loras ? (
        <Choice
          label={t("generate.addLora")}
          value=""
          error={error !== undefined}
          helperText={error}
          sx={{ maxWidth: 320 }}
          choices={others.map(({ name }) => [name, name])}
          onChoose={(name) => form.change({ loras: [...chosen, { name, weight: "" }] })}
        />
      ) : null}
    </Stack>
  );
}
