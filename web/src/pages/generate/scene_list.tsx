/** The scenes of a video, one by one: what each shows, its length, how it starts, its seed. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Choice } from "../../components/choice";
import { ArrowDownwardIcon, ArrowUpwardIcon, CloseIcon } from "../../components/icons";
import { type DraftScene, TRANSITIONS, emptyScene } from "./draft";
import type { FormState } from "./form_state";
import { LIMITS } from "./limits";

export default function SceneList({ form }: { form: FormState }): ReactNode {
  const { t } = useTranslation();
  const { scenes } = form.draft;
  const error = form.errorOf("scenes");

  function put(index: number, part: Partial<DraftScene>): void {
    form.change({ scenes: scenes.map((scene, each) => (each === index ? { ...scene, ...part } : scene)) });
  }

  function move(index: number, by: number): void {
    const moved = [...scenes];
    const [scene] = moved.splice(index, 1);
    if (scene !== undefined) moved.splice(index + by, 0, scene);
    // Nothing is before the first scene that it could dissolve from.
    form.change({ scenes: moved.map((each, place) => (place === 0 && each.transition === "dissolve" ? { ...each, transition: "cut" } : each)) });
  }

  function field(index: number, name: "seconds" | "seed", label: string, hint: string): ReactNode {
    const fieldError = form.errorOf(`scenes[${index}].${name === "seconds" ? "duration" : name}`);
    return (
      <TextField
        size="small"
        label={label}
        value={scenes[index]?.[name] ?? ""}
        placeholder={hint}
        error={fieldError !== undefined}
        helperText={fieldError}
        sx={{ flex: "1 1 110px" }}
        slotProps={{ htmlInput: { inputMode: "decimal" }, inputLabel: { shrink: true } }}
        onChange={(event) => put(index, { [name]: event.target.value })}
      />
    );
  }

  return (
    <Stack sx={{ gap: 2 }}>
      {scenes.map((scene, index) => {
        const name = t("job.scene", { number: index + 1 });
        const promptError = form.errorOf(`scenes[${index}].prompt`);
        return (
          <Box key={scene.id} role="group" aria-label={name} sx={{ borderLeft: 3, borderColor: "divider", pl: 1.5 }}>
            <Stack direction="row" sx={{ alignItems: "center", mb: 1 }}>
              <Typography variant="h3" component="h2" sx={{ flexGrow: 1 }}>
                {name}
              </Typography>
              <IconButton size="small" aria-label={t("generate.earlier", { name })} disabled={index === 0} onClick={() => move(index, -1)}>
                <ArrowUpwardIcon fontSize="small" />
              </IconButton>
              <IconButton size="small" aria-label={t("generate.later", { name })} disabled={index === scenes.length - 1} onClick={() => move(index, 1)}>
                <ArrowDownwardIcon fontSize="small" />
              </IconButton>
              <IconButton
                size="small"
                aria-label={t("generate.remove", { name })}
                disabled={scenes.length === 1}
                onClick={() => form.change({ scenes: scenes.filter((each) => each !== scene) })}
              >
                <CloseIcon fontSize="small" />
              </IconButton>
            </Stack>
            <TextField
              fullWidth
              multiline
              maxRows={6}
              size="small"
              label={t("generate.scenePrompt")}
              value={scene.prompt}
              error={promptError !== undefined}
              helperText={promptError}
              sx={{ mb: 1.5 }}
              onChange={(event) => put(index, { prompt: event.target.value })}
            />
            <Stack direction="row" sx={{ gap: 1.5, flexWrap: "wrap" }}>
              {field(index, "seconds", `${t("fields.duration")} (s)`, t("generate.equal"))}
              <Choice
                label={t("generate.transition")}
                value={scene.transition}
                sx={{ flex: "1 1 130px" }}
                choices={TRANSITIONS.filter((transition) => index > 0 || transition !== "dissolve").map((transition) => [
                  transition,
                  t(`generate.transitionOf.${transition}`),
                ])}
                onChoose={(transition) => put(index, { transition })}
              />
              {field(index, "seed", t("fields.seed"), t("generate.seedOfVideo"))}
            </Stack>
          </Box>
        );
      })}
      {error === undefined ? null : <Alert severity="error">{error}</Alert>}
      <Box>
        <Button disabled={scenes.length >= LIMITS.scenes} onClick={() => form.change({ scenes: [...scenes, emptyScene()] })}>
          {t("generate.addScene")}
        </Button>
      </Box>
    </Stack>
  );
}
