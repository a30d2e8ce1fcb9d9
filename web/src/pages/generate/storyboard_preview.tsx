/** The scenes that the draft will make: what each shows, how long it is, and the words that the model leaves out. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Card from "@mui/material/Card";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { JobPlan, ScenePlan } from "../../api/types";
import { clamped } from "../../components/clamped";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";

function SceneCard({ scene, isOnly }: { scene: ScenePlan; isOnly: boolean }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const facts = [formats.length(scene.duration_seconds), t("generate.sceneFrames", { count: scene.frames })];
  if (!isOnly && scene.transition !== "cut") facts.push(names.transition(scene.transition));
  const camera = names.camera(scene.camera);
  if (camera !== "") facts.push(camera);
  return (
    <Card component="li" variant="outlined" sx={{ p: 1.25 }}>
      <Typography variant="h3" component="h3">
        {t("job.scene", { number: scene.index + 1 })}
      </Typography>
      <Typography variant="caption" component="p" color="textSecondary">
        {facts.join(" · ")}
      </Typography>
      <Typography variant="body2" dir="auto" title={scene.prompt} sx={{ ...clamped(6), textAlign: "left", overflowWrap: "anywhere" }}>
        {scene.prompt}
      </Typography>
      {scene.ignored_words.length > 0 ? (
        <Typography variant="body2" sx={{ color: "warning.main", overflowWrap: "anywhere" }}>
          {t("generate.ignoredWords", { words: scene.ignored_words.join(", ") })}
        </Typography>
      ) : null}
      {scene.replaced_words.length > 0 ? (
        <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
          {t("generate.replacedWords", {
            words: scene.replaced_words.map(({ word, known }) => t("generate.readAs", { word, known })).join(", "),
          })}
        </Typography>
      ) : null}
    </Card>
  );
}

export function StoryboardPreview({ plan }: { plan: JobPlan }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Box component="section" aria-label={t("generate.storyboard")}>
      <Typography variant="body2" color="textSecondary" sx={{ mb: 1 }}>
        {[
          plan.size,
          formats.length(plan.duration_seconds),
          t("generate.frames", { frames: plan.frames, fps: plan.fps }),
          t("generate.steps", { count: plan.steps }),
          plan.variants > 1
            ? t("generate.costOfAll", { cost: formats.count(plan.total_cost), each: formats.count(plan.cost), count: plan.variants })
            : t("generate.cost", { cost: formats.count(plan.cost) }),
        ].join(" · ")}
      </Typography>
      {plan.writes_prompts ? (
        <Alert severity="info" sx={{ mb: 1 }}>
          {t("generate.writesPrompts")}
        </Alert>
      ) : null}
      <Box component="ol" sx={{ m: 0, p: 0, listStyle: "none", display: "grid", gap: 1 }}>
        {plan.scenes.map((scene) => (
          <SceneCard key={scene.index} scene={scene} isOnly={plan.scenes.length === 1} />
        ))}
      </Box>
    </Box>
  );
}
