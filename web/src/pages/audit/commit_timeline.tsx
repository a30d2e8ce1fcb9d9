/** Commits as a line through time: one day below the other, each commit with its events, and its details when it is opened. */
import Box from "@mui/material/Box";
import ButtonBase from "@mui/material/ButtonBase";
import Chip from "@mui/material/Chip";
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { FoundCommit, JobStatus } from "../../api/types";
import { FactList } from "../../components/fact_list";
import { shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";
import { STATUS_COLOURS, STATUS_SYMBOLS } from "../../theme/statuses";
import { conditionOf } from "./audit_search";

/** The status that an event brings a job to. */
const STATUS_OF: Readonly<Record<string, JobStatus>> = {
  submitted: "queued",
  queued: "queued",
  retried: "queued",
  attempt_started: "processing",
  completed: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

function statusOf(commit: FoundCommit): JobStatus | undefined {
  return commit.events.map(({ type }) => STATUS_OF[type]).findLast((status) => status !== undefined);
}

interface CommitProps {
  commit: FoundCommit;
  onNarrow: (condition: string) => void;
}

function Details({ commit, onNarrow }: CommitProps): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  const facts = (
    [
      ["actor", commit.actor],
      ["key", commit.api_key_id],
      ["client", commit.client],
      ["address", commit.address],
      ["command", commit.command],
      ["job", commit.job_id],
      ["model", commit.model],
    ] as const
  ).filter(([, value]) => value !== "");
  return (
    <Box sx={{ pt: 1, pb: 1.5, display: "grid", gap: 1.5, minWidth: 0 }}>
      <Stack direction="row" sx={{ gap: 0.75, flexWrap: "wrap" }}>
        {facts.map(([field, value]) => {
          const condition = conditionOf(field, value);
          return (
            <Chip
              key={field}
              size="small"
              variant="outlined"
              label={condition}
              aria-label={t("audit.narrow", { condition })}
              sx={{ fontFamily: "monospace", maxWidth: "100%" }}
              onClick={() => onNarrow(condition)}
            />
          );
        })}
      </Stack>
      <FactList
        facts={[
          [t("fields.position"), commit.position],
          [t("audit.commandId"), commit.command_id],
          [t("audit.via"), commit.via],
          [t("audit.previous"), commit.previous_position],
        ]}
      />
      <Box>
        <Typography variant="body2" color="textSecondary">
          {t("job.hash")}
        </Typography>
        <Typography variant="body2" sx={{ fontFamily: "monospace", overflowWrap: "anywhere" }}>
          {commit.hash}
        </Typography>
      </Box>
      {commit.events.map((event, index) => (
        <Box key={index} sx={{ minWidth: 0 }}>
          <Typography variant="body2">{names.eventOf(event)}</Typography>
          {Object.keys(event.data).length === 0 ? null : (
            <Box
              component="pre"
              tabIndex={0}
              aria-label={names.eventOf(event)}
              sx={{ m: 0, mt: 0.5, p: 1, maxHeight: 220, overflow: "auto", bgcolor: "action.hover", borderRadius: 1, fontSize: 12, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
            >
              {JSON.stringify(event.data, null, 1)}
            </Box>
          )}
        </Box>
      ))}
    </Box>
  );
}

const Commit = memo(function Commit({ commit, onNarrow }: CommitProps): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  const [isOpen, setOpen] = useState(false);
  const status = statusOf(commit);
  const origin = [commit.actor, commit.command, commit.client, commit.address].filter(Boolean).join(" · ");
  return (
    <Box
      component="li"
      sx={{ display: "grid", gridTemplateColumns: "20px minmax(0, 1fr)", columnGap: 1.25, contentVisibility: "auto", containIntrinsicSize: "auto 52px" }}
    >
      <Box aria-hidden sx={{ display: "grid", justifyItems: "center", gridTemplateRows: "10px 20px 1fr", color: "divider" }}>
        <Box sx={{ width: 2, bgcolor: "currentColor" }} />
        <Typography component="span" sx={{ lineHeight: "20px", color: status === undefined ? "text.secondary" : `${STATUS_COLOURS[status]}.main` }}>
          {status === undefined ? "·" : STATUS_SYMBOLS[status]}
        </Typography>
        <Box sx={{ width: 2, bgcolor: "currentColor" }} />
      </Box>
      <Box sx={{ minWidth: 0 }}>
        <Box sx={{ display: "grid", gridTemplateColumns: { xs: "minmax(0, 1fr) auto", md: "minmax(0, 1fr) 9ch" }, columnGap: 1.5, alignItems: "start", py: 0.5 }}>
          <ButtonBase
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
            sx={{ gridRow: 1, gridColumn: { xs: "1 / -1", md: "1" }, display: "grid", alignItems: "start", gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "9ch minmax(0, 3fr) minmax(0, 4fr)" }, columnGap: 1.5, justifyItems: "start", textAlign: "left", borderRadius: 1, px: 0.5, py: 0.25, "&:hover": { bgcolor: "action.hover" } }}
          >
            <Typography variant="body2" color="textSecondary" component="time" dateTime={commit.at ?? undefined} sx={{ lineHeight: "24px", fontVariantNumeric: "tabular-nums" }}>
              {formats.clockTime(commit.at)}
            </Typography>
            <Typography component="span" sx={{ minWidth: 0, overflowWrap: "anywhere" }}>
              {commit.events.map(names.eventOf).join(" · ")}
            </Typography>
            <Typography variant="body2" color="textSecondary" component="span" sx={{ minWidth: 0, lineHeight: "24px", overflowWrap: "anywhere" }}>
              {origin}
            </Typography>
          </ButtonBase>
          <MuiLink component={Link} to={`/jobs/${commit.job_id}`} sx={{ gridRow: 1, gridColumn: 2, justifySelf: "end", lineHeight: "28px", fontFamily: "monospace" }} aria-label={t("pages.job", { job: shortId(commit.job_id) })}>
            {shortId(commit.job_id)}
          </MuiLink>
        </Box>
        {isOpen ? <Details commit={commit} onNarrow={onNarrow} /> : null}
      </Box>
    </Box>
  );
});

interface Props {
  commits: readonly FoundCommit[];
  /** Ask for what meets one more condition. */
  onNarrow: (condition: string) => void;
}

/** Return neighbours of one day together, each with the day as text. */
function byDay(commits: readonly FoundCommit[], dayOf: (time: string | null) => string): (readonly [day: string, commits: FoundCommit[]])[] {
  const days: (readonly [string, FoundCommit[]])[] = [];
  for (const commit of commits) {
    const day = dayOf(commit.at);
    const last = days.at(-1);
    if (last?.[0] === day) last[1].push(commit);
    else days.push([day, [commit]]);
  }
  return days;
}

export function CommitTimeline({ commits, onNarrow }: Props): ReactNode {
  const formats = useFormats();
  return byDay(commits, formats.day).map(([day, ofDay]) => (
    <Box component="section" key={ofDay[0]?.position} aria-label={day}>
      <Typography component="h2" variant="h3" color="textSecondary" sx={{ position: "sticky", top: 52, zIndex: 1, py: 0.75, bgcolor: "background.paper" }}>
        {day}
      </Typography>
      <Box component="ol" sx={{ m: 0, p: 0, listStyle: "none" }}>
        {ofDay.map((commit) => (
          <Commit key={commit.position} commit={commit} onNarrow={onNarrow} />
        ))}
      </Box>
    </Box>
  ));
}
