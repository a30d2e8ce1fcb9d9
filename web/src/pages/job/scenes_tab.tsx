/** The storyboard: each scene with its picture, once it is rendered. */
import Box from "@mui/material/Box";
import Card from "@mui/material/Card";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSignedLinks, useStoryboard } from "../../api/queries";
import { type JobDetail, hasEnded } from "../../api/types";
import { Clip } from "../../components/clip";
import { Loaded } from "../../components/loaded";
import { StatusChip } from "../../components/status_chip";
import { useSettings } from "../../session/settings";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";

export default function ScenesTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  // With a key a scene is played by a link with a ticket: read by script, all of it would be loaded before it plays.
  const isSigned = useSettings((state) => state.apiKey !== "") && hasEnded(job.status);
  const signed = useSignedLinks(job).data?.scenes ?? [];
  return (
    <Loaded query={useStoryboard(job.job_id)} empty={t("empty.scenes")} isEmpty={(board) => board.scenes.length === 0}>
      {(board) => (
        <Box component="ol" sx={{ m: 0, p: 0, listStyle: "none", display: "grid", gap: 2, gridTemplateColumns: "repeat(auto-fill, minmax(240px, 1fr))" }}>
          {board.scenes.map((scene) => {
            const name = t("job.scene", { number: scene.index + 1 });
            return (
              <Card component="li" variant="outlined" key={scene.index}>
                <Clip
                  link={isSigned ? null : scene.video}
                  signedLink={isSigned ? signed.find((link) => link.startsWith(`${scene.video ?? ""}?`)) : undefined}
                  thumbnail={scene.thumbnail} name={name}
                  ratio={job.width / job.height}
                  hasControls
                />
                <Stack sx={{ p: 1.5, gap: 0.75 }}>
                  <Stack direction="row" sx={{ justifyContent: "space-between", alignItems: "center" }}>
                    <Typography variant="h3" component="h2">
                      {name}
                    </Typography>
                    <StatusChip status={scene.status} />
                  </Stack>
                  <Typography dir="auto" sx={{ overflowWrap: "anywhere", textAlign: "left" }}>{scene.prompt ?? t("status.erased")}</Typography>
                  <Typography variant="body2" color="textSecondary">
                    {[
                      `${formats.length(scene.start_seconds)} – ${formats.length(scene.start_seconds + scene.duration_seconds)}`,
                      names.camera(scene.camera),
                      scene.transition === "cut" ? "" : names.transition(scene.transition),
                    ]
                      .filter(Boolean)
                      .join(" · ")}
                  </Typography>
                </Stack>
              </Card>
            );
          })}
        </Box>
      )}
    </Loaded>
  );
}
