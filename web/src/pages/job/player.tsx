/** The finished video: poster, chapters, loop, single frames, download. */
import { RepeatIcon, SkipNextIcon, SkipPreviousIcon } from "../../components/icons";
import Box from "@mui/material/Box";
import IconButton from "@mui/material/IconButton";
import Stack from "@mui/material/Stack";
import ToggleButton from "@mui/material/ToggleButton";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useEffectEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { pathOf } from "../../api/address";
import { useSignedLinks, useStoryboard } from "../../api/queries";
import type { JobDetail } from "../../api/types";
import { useSettings } from "../../session/settings";
import { Chapters } from "./chapters";
import { Downloads } from "./downloads";

/** A video that cannot be read is read again so many times: at once, and then after pauses that double from a second. */
const MOST_TRIES = 5;
const FIRST_PAUSE_MS = 1_000;

/** Part of a frame by which a time may be early and still be in it. */
const FRAME_PART = 1e-3;

export function Player({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const [isLooped, setLooped] = useState(true);
  const [at, setAt] = useState(0);
  const needsKey = useSettings((state) => state.apiKey !== "");
  const signed = useSignedLinks(job);
  const scenes = useStoryboard(job.job_id).data?.scenes ?? [];
  const links = needsKey ? signed.data : job.links;
  const newest = links?.video ? pathOf(links.video) : undefined;
  // A link with a ticket is read again now and then. A video that plays keeps its own, or it would start again.
  const [address, setAddress] = useState(newest);
  const [loads, setLoads] = useState(0);
  const failures = useRef(0);
  const again = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(again.current), []);
  if (address === undefined && newest !== undefined) setAddress(newest);

  /** Read the video again, by another link if links have tickets: that of the video has ended, or the server is away. */
  async function reload(): Promise<void> {
    if (needsKey) {
      const fresh = (await signed.refetch()).data?.video;
      if (!fresh) {
        reloadLater();
        return;
      }
      setAddress(pathOf(fresh));
    }
    setLoads((before) => before + 1);
  }

  function reloadLater(): void {
    if (failures.current === MOST_TRIES) return;
    const pause = failures.current === 0 ? 0 : FIRST_PAUSE_MS * 2 ** (failures.current - 1);
    failures.current += 1;
    clearTimeout(again.current);
    again.current = setTimeout(() => void reload(), pause);
  }
  // A video is read as soon as its element is made. It may have failed before the element stood in the page and told of it.
  const readFailed = useEffectEvent(() => {
    if (video.current?.error) reloadLater();
  });
  useEffect(() => readFailed(), [address, loads]);

  const fps = job.media?.fps ?? job.fps;
  const frames = job.media?.frames ?? job.frames;
  const frame = Math.min(frames, Math.floor(at * fps + FRAME_PART) + 1);

  function seek(seconds: number): void {
    if (video.current !== null) video.current.currentTime = seconds;
  }

  function step(by: number): void {
    if (video.current === null) return;
    video.current.pause();
    // To the middle of the frame: its very beginning may show the one before.
    const next = Math.floor(video.current.currentTime * fps + FRAME_PART) + by;
    seek((Math.max(0, next) + 0.5) / fps);
  }

  const stepByKey = useEffectEvent((event: KeyboardEvent) => {
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ",") step(-1);
    if (event.key === ".") step(1);
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => stepByKey(event);
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);

  return (
    <Box>
      <Box sx={{ display: "grid", placeItems: "center", bgcolor: "#000", borderRadius: 1, overflow: "hidden" }}>
        {/* eslint-disable-next-line jsx-a11y/media-has-caption -- the video has no speech */}
        <video
          ref={video}
          key={`${address ?? ""} ${loads}`}
          src={address}
          poster={links?.thumbnail ? pathOf(links.thumbnail) : undefined}
          controls
          loop={isLooped}
          onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
          playsInline
          preload="metadata"
          onError={reloadLater}
          onLoadedMetadata={(event) => {
            if (loads > 0) event.currentTarget.currentTime = at;
          }}
          onPlaying={() => {
            failures.current = 0;
          }}
          aria-label={t("job.player")}
          style={{ width: "100%", maxHeight: 480, aspectRatio: `${job.width} / ${job.height}`, display: "block" }}
        />
      </Box>
      <Stack direction="row" sx={{ mt: 1, gap: 1, alignItems: "center", flexWrap: "wrap" }}>
        <IconButton size="small" title={t("job.frameBack")} aria-label={t("job.frameBack")} onClick={() => step(-1)}>
          <SkipPreviousIcon />
        </IconButton>
        <IconButton size="small" title={t("job.frameForward")} aria-label={t("job.frameForward")} onClick={() => step(1)}>
          <SkipNextIcon />
        </IconButton>
        <ToggleButton
          size="small"
          value="loop"
          selected={isLooped}
          title={t("job.loop")}
          aria-label={t("job.loop")}
          onChange={() => setLooped(!isLooped)}
        >
          <RepeatIcon fontSize="small" />
        </ToggleButton>
        <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
          {t("job.frame", { frame, frames })}
        </Typography>
        <Box sx={{ flexGrow: 1 }} />
        {address === undefined ? null : <Downloads jobId={job.job_id} address={address} />}
      </Stack>
      {scenes.length > 1 ? <Chapters scenes={scenes} ratio={job.width / job.height} at={at} onSeek={seek} /> : null}
    </Box>
  );
}
