/** The scenes of a video as a strip of pictures. A click goes to the beginning of a scene. */
import Box from "@mui/material/Box";
import ButtonBase from "@mui/material/ButtonBase";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Scene } from "../../api/types";
import { Clip } from "../../components/clip";
import { Picture } from "../../components/picture";
import { useFormats } from "../../text/use_format";

interface Props {
  scenes: readonly Scene[];
  /** Width over height of the pictures. */
  ratio: number;
  /** Where the video is, in seconds. */
  at: number;
  onSeek: (seconds: number) => void;
}

export function Chapters({ scenes, ratio, at, onSeek }: Props): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Box component="nav" aria-label={t("job.chapters")} sx={{ display: "flex", gap: 1, overflowX: "auto", mt: 1, p: 0.5 }}>
      {scenes.map((scene) => {
        const isCurrent = at >= scene.start_seconds && at < scene.start_seconds + scene.duration_seconds;
        const name = t("job.scene", { number: scene.index + 1 });
        return (
          <ButtonBase
            key={scene.index}
            aria-current={isCurrent}
            onClick={() => onSeek(scene.start_seconds)}
            sx={{ display: "block", width: 92, flexShrink: 0, borderRadius: 1, textAlign: "start", outline: 2, outlineStyle: "solid", outlineOffset: 2, outlineColor: isCurrent ? "primary.main" : "transparent", "&:focus-visible": { outlineColor: "text.primary" } }}
          >
            {scene.thumbnail === null ? (
              <Clip link={scene.video} name="" ratio={Math.max(ratio, 1)} />
            ) : (
              <Picture link={scene.thumbnail} alt="" ratio={Math.max(ratio, 1)} />
            )}
            <Typography variant="body2" component="span" noWrap sx={{ display: "block" }}>
              {name}
            </Typography>
            <Typography variant="caption" component="span" color="textSecondary">
              {formats.length(scene.start_seconds)}
            </Typography>
          </ButtonBase>
        );
      })}
    </Box>
  );
}
