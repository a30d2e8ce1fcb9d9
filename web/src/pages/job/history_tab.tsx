/** The history of a job, commit by commit: a slider through time, and the job as it was then. */
import Box from "@mui/material/Box";
import Grid from "@mui/material/Grid";
import List from "@mui/material/List";
import ListItemButton from "@mui/material/ListItemButton";
import Slider from "@mui/material/Slider";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useHistory } from "../../api/queries";
import type { Commit, JobDetail } from "../../api/types";
import { FactList } from "../../components/fact_list";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { StatusChip } from "../../components/status_chip";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";

function StateThen({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  return (
    <FactList
      facts={[
        [t("fields.status"), <StatusChip key="status" status={job.status} isCancelling={job.cancel_requested} />],
        [t("fields.progress"), `${Math.floor(job.percent)}%`],
        [t("job.stage"), names.stage(job.stage)],
        [t("fields.attempt"), job.attempt],
        [t("fields.worker"), job.worker],
        [t("fields.priority"), t(`priority.${job.priority}`)],
      ]}
    />
  );
}

interface EventsProps {
  commits: readonly Commit[];
  /** The chosen one. It is always in view. */
  index: number;
  describe: (commit: Commit) => string;
  onChoose: (index: number) => void;
}

function Events({ commits, index, describe, onChoose }: EventsProps): ReactNode {
  const formats = useFormats();
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const row = list.current?.children.item(index);
    if (list.current === null || !(row instanceof HTMLElement)) return;
    // The list alone scrolls: the page stays where it is.
    const end = row.offsetTop + row.offsetHeight - list.current.clientHeight;
    list.current.scrollTop = Math.min(row.offsetTop, Math.max(end, list.current.scrollTop));
  }, [index, commits.length]);
  return (
    <List ref={list} dense disablePadding sx={{ maxHeight: 460, overflow: "auto", position: "relative", mx: -1 }}>
      {commits.map((each, number) => (
        <li key={each.position}>
          <ListItemButton selected={number === index} onClick={() => onChoose(number)} sx={{ display: "block", borderRadius: 1, px: 1 }}>
            <Typography>{describe(each)}</Typography>
            <Typography variant="body2" color="textSecondary">
              {formats.moment(each.at)} · {each.actor}
            </Typography>
          </ListItemButton>
        </li>
      ))}
    </List>
  );
}

export default function HistoryTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const names = useNames();
  const id = useId();
  const history = useHistory(job.job_id);
  const [chosen, setChosen] = useState<number>();
  const commits = history.data?.commits ?? [];
  const index = Math.min(chosen ?? commits.length - 1, commits.length - 1);
  const commit = commits[index];
  const describe = (each: Commit): string => each.events.map(names.eventOf).join(" · ");
  const past = useHistory(job.job_id, commit?.position);
  return (
    <Loaded query={history} lines={8}>
      {() => (
        <Grid container spacing={2}>
          <Grid size={12}>
            <Typography id={id} variant="body2">
              {t("job.slider")}: {t("job.commitAt", { number: index + 1, all: commits.length })}
            </Typography>
            <Slider
              sx={{ mx: 1.25, width: "calc(100% - 20px)" }}
              aria-labelledby={id}
              value={index}
              min={0}
              max={Math.max(0, commits.length - 1)}
              step={1}
              marks
              getAriaValueText={(value) => (commits[value] === undefined ? "" : describe(commits[value]))}
              onChange={(_, value) => setChosen(value)}
            />
          </Grid>
          <Grid size={{ xs: 12, md: 6 }}>
            <Panel title={t("job.events")}>
              <Events commits={commits} index={index} describe={describe} onChoose={setChosen} />
            </Panel>
          </Grid>
          <Grid size={{ xs: 12, md: 6 }}>
            <Panel title={t("job.state")}>
              <Loaded query={past}>
                {({ job: then }) => (
                  <Box sx={{ display: "grid", gap: 2 }}>
                    {then === null ? null : <StateThen job={then} />}
                    <FactList facts={[[t("fields.position"), commit?.position]]} />
                    <Box>
                      <Typography variant="body2" color="textSecondary">
                        {t("job.hash")}
                      </Typography>
                      <Typography sx={{ fontFamily: "monospace", overflowWrap: "anywhere" }}>{commit?.hash}</Typography>
                    </Box>
                  </Box>
                )}
              </Loaded>
            </Panel>
          </Grid>
        </Grid>
      )}
    </Loaded>
  );
}
