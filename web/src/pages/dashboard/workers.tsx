/** The workers, what each renders, and the memory of its device. */
import Box from "@mui/material/Box";
import LinearProgress from "@mui/material/LinearProgress";
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useWorkers } from "../../api/queries";
import type { Worker } from "../../api/types";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";
import { useNames } from "../../text/use_names";

function JobLink({ jobId, stage }: { jobId: string; stage?: string }): ReactNode {
  return (
    <MuiLink component={Link} to={`/jobs/${jobId}`}>
      {stage === undefined ? shortId(jobId) : `${shortId(jobId)} · ${stage}`}
    </MuiLink>
  );
}

function WorkerLine({ worker }: { worker: Worker }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = useNames();
  // The worker reports one of them as its job as well.
  const atServers = worker.server_job_ids.filter((jobId) => jobId !== worker.job_id && jobId !== worker.other_job_id);
  const used = formats.bytes(worker.memory_used_bytes);
  const total = formats.bytes(worker.memory_total_bytes);
  return (
    <Box>
      <Stack direction="row" sx={{ justifyContent: "space-between", gap: 1 }}>
        <Typography sx={{ fontWeight: 600 }} noWrap>
          {worker.name}
        </Typography>
        {worker.job_id === null ? (
          atServers.length > 0 ? null : <Typography color="textSecondary">{t("dashboard.idle")}</Typography>
        ) : (
          <Typography component="span">
            <JobLink jobId={worker.job_id} stage={names.stage(worker.stage)} />
            {worker.other_job_id === null ? null : (
              <>
                {` ${t("dashboard.otherJob")} `}
                <JobLink jobId={worker.other_job_id} />
              </>
            )}
          </Typography>
        )}
      </Stack>
      <Typography variant="body2" color="textSecondary" noWrap title={worker.hardware}>
        {worker.hardware} · {t("dashboard.jobsDone", { count: worker.jobs_completed })}
      </Typography>
      {atServers.length > 0 ? (
        <Typography variant="body2">
          {t("dashboard.atServers")}{" "}
          {atServers.map((jobId, index) => (
            <Fragment key={jobId}>
              {index > 0 ? ", " : null}
              <JobLink jobId={jobId} />
            </Fragment>
          ))}
        </Typography>
      ) : null}
      {worker.memory_total_bytes > 0 ? (
        <>
          <LinearProgress
            variant="determinate"
            color="secondary"
            aria-label={t("dashboard.memory", { used, total })}
            value={Math.min(100, (100 * worker.memory_used_bytes) / worker.memory_total_bytes)}
            sx={{ my: 0.5, height: 4, borderRadius: 2 }}
          />
          <Typography variant="body2" color="textSecondary">
            {t("dashboard.memory", { used, total })}
          </Typography>
        </>
      ) : null}
      {worker.problem === null ? null : <Typography color="error">{worker.problem}</Typography>}
    </Box>
  );
}

export function Workers(): ReactNode {
  const { t } = useTranslation();
  return (
    <Panel title={t("dashboard.workers")}>
      <Loaded query={useWorkers()} lines={2} empty={t("empty.workers")} isEmpty={(workers) => workers.length === 0}>
        {(workers) => (
          <Stack sx={{ gap: 2 }}>
            {workers.map((worker) => (
              <WorkerLine key={worker.name} worker={worker} />
            ))}
          </Stack>
        )}
      </Loaded>
    </Panel>
  );
}
