/** The queue and the fleet as of a position of the log or a time: a slider through the log. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Grid from "@mui/material/Grid";
import MuiLink from "@mui/material/Link";
import Paper from "@mui/material/Paper";
import Slider from "@mui/material/Slider";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useEffectEvent, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useQueueAt } from "../../api/audit";
import type { JobPlace, QueueAt } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { localMoment, shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";
import { type TabProps, isPosition } from "./audit_search";

/** The queue is read once the slider has rested for so long. */
const SETTLED_MS = 200;
/** What the keys for pages move the slider by: so many parts of the log. */
const PAGES = 100;

function JobLine({ place, now }: { place: JobPlace; now: number }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const isRunning = place.worker !== "";

  function standing(): string {
    if (isRunning) return place.worker;
    if (place.paused) return t("status.paused");
    if (place.jobs_before !== null) return t("audit.place", { place: formats.count(place.jobs_before + 1) });
    return place.queued_at !== null && Date.parse(place.queued_at) > now ? t("audit.waits", { time: formats.moment(place.queued_at) }) : t("status.queued");
  }

  return (
    <Box component="li" sx={{ display: "grid", gridTemplateColumns: "minmax(9ch, 1fr) minmax(0, 3fr)", columnGap: 1.5, py: 0.75, borderTop: 1, borderColor: "divider" }}>
      <MuiLink component={Link} to={`/jobs/${place.job_id}`} sx={{ fontFamily: "monospace" }}>
        {shortId(place.job_id)}
      </MuiLink>
      <Box sx={{ minWidth: 0 }}>
        <Typography sx={{ overflowWrap: "anywhere", fontWeight: isRunning ? 600 : 400 }}>{standing()}</Typography>
        <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
          {[t(`priority.${place.priority}`), place.model, t("audit.since", { time: formats.moment(place.since) })].join(" · ")}
        </Typography>
      </Box>
    </Box>
  );
}

interface PlacesProps {
  title: string;
  places: readonly JobPlace[];
  total: number;
  empty: string;
  now: number;
}

function Places({ title, places, total, empty, now }: PlacesProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const number = places.length < total ? t("audit.shownOf", { shown: formats.count(places.length), all: formats.count(total) }) : formats.count(total);
  return (
    <Panel title={title} aside={<Typography color="textSecondary">{number}</Typography>}>
      {places.length === 0 ? (
        <Typography color="textSecondary">{empty}</Typography>
      ) : (
        <Box component="ul" tabIndex={0} aria-label={title} sx={{ m: 0, p: 0, listStyle: "none", maxHeight: 560, overflow: "auto" }}>
          {places.map((place) => (
            <JobLine key={place.job_id} place={place} now={now} />
          ))}
        </Box>
      )}
    </Panel>
  );
}

function Standing({ then }: { then: QueueAt }): ReactNode {
  const { t } = useTranslation();
  const now = then.at === null ? 0 : Date.parse(then.at);
  return (
    <Grid container spacing={2}>
      <Grid size={{ xs: 12, md: 6 }}>
        <Places title={t("audit.queue")} places={then.queued} total={then.queued_total} empty={t("audit.emptyQueue")} now={now} />
      </Grid>
      <Grid size={{ xs: 12, md: 6 }}>
        <Places title={t("audit.fleet")} places={then.running} total={then.running_total} empty={t("audit.emptyFleet")} now={now} />
      </Grid>
    </Grid>
  );
}

export default function PastTab({ search, onChange }: TabProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const id = useId();
  const { at } = search;
  const present = useQueueAt(undefined);
  const then = useQueueAt(at);
  // A slider that moves is ahead of the address, until what is drawn follows the address.
  const [moved, setMoved] = useState<number>();
  const [rested, setRested] = useState<number>();
  const [drawn, setDrawn] = useState(at);
  if (drawn !== at) {
    setDrawn(at);
    if (moved === rested) setMoved(undefined);
  }
  const last = Math.max(present.data?.position ?? 0, then.data?.position ?? 0);
  const ofTime = at === undefined ? last : (then.data?.position ?? last);
  const stated = isPosition(at) ? Math.min(Number(at), last) : ofTime;
  const position = moved ?? stated;
  const time = isPosition(at) ? undefined : at;
  const choose = useEffectEvent((value: number) => {
    const next = present.data !== undefined && value >= last ? undefined : String(value);
    setRested(value);
    if (next === at) setMoved(undefined);
    onChange({ at: next });
  });
  useEffect(() => {
    if (moved === undefined) return undefined;
    const timer = setTimeout(() => choose(moved), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [moved]);

  return (
    <Stack sx={{ gap: 2 }}>
      <Paper variant="outlined" sx={{ p: 2 }}>
        <Stack direction="row" sx={{ gap: 2, flexWrap: "wrap", alignItems: "flex-start", justifyContent: "space-between" }}>
          <Box sx={{ flex: "1 1 320px", minWidth: 0 }}>
            <Typography id={id} variant="body2">
              {t("audit.slider")}: {t("audit.sliderOf", { position: formats.count(position), last: formats.count(last) })}
            </Typography>
            <Slider
              sx={{ mx: 1.25, width: "calc(100% - 20px)" }}
              aria-labelledby={id}
              value={position}
              min={Math.min(1, last)}
              max={last}
              step={1}
              shiftStep={Math.max(1, Math.round(last / PAGES))}
              disabled={last === 0}
              getAriaValueText={(value) => t("audit.sliderOf", { position: formats.count(value), last: formats.count(last) })}
              onChange={(_, value) => setMoved(value)}
            />
            <Typography variant="body2" color="textSecondary" role="status">
              {then.data === undefined || moved !== undefined || then.isPlaceholderData
                ? " "
                : then.data.at === null
                  ? t("audit.noCommitBefore")
                  : t("audit.lastCommit", { time: formats.moment(then.data.at) })}
            </Typography>
          </Box>
          <Stack direction="row" sx={{ gap: 1.5, alignItems: "flex-start", minWidth: 0, flexWrap: { xs: "wrap", sm: "nowrap" } }}>
            <TextField
              size="small"
              type="datetime-local"
              label={t("audit.time")}
              value={time === undefined ? "" : localMoment(time)}
              helperText={t("audit.timeHint")}
              slotProps={{ inputLabel: { shrink: true }, htmlInput: { step: 1 } }}
              onChange={(event) => {
                const chosen = Date.parse(event.target.value);
                setMoved(undefined);
                onChange({ at: Number.isNaN(chosen) ? undefined : new Date(chosen).toISOString() });
              }}
            />
            <Button
              sx={{ minHeight: 40 }}
              disabled={at === undefined && moved === undefined}
              onClick={() => {
                setMoved(undefined);
                onChange({ at: undefined });
              }}
            >
              {t("audit.now")}
            </Button>
          </Stack>
        </Stack>
      </Paper>
      <Loaded query={then} lines={8}>
        {(shown) => <Standing then={shown} />}
      </Loaded>
    </Stack>
  );
}
