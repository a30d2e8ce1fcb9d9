/** One job: the video or the picture so far, stages, scenes, log, history and the check of its record. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import Tab from "@mui/material/Tab";
import Tabs from "@mui/material/Tabs";
import Typography from "@mui/material/Typography";
import type { QueryClient } from "@tanstack/react-query";
import { type ComponentType, type ReactNode, Suspense, lazy } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { RequestFailed } from "../../api/problem";
import { type Reading, jobReading, useJob } from "../../api/queries";
import type { JobDetail } from "../../api/types";
import { clamped } from "../../components/clamped";
import { JobActions } from "../../components/job_actions";
import { JobProgress, useNewest } from "../../components/job_progress";
import { Loaded } from "../../components/loaded";
import { ServerText } from "../../components/server_text";
import { Skeletons } from "../../components/skeletons";
import { StatusChip } from "../../components/status_chip";
import { useTitle } from "../../components/use_title";
import { useChannel } from "../../live/live_updates";
import { shortId } from "../../text/format";
import { troubleKind } from "../../text/trouble_kind";
import { useFormats } from "../../text/use_format";
import { OverviewTab } from "./overview_tab";
import { ReproduceButton } from "./reproduce_button";

// What a person sees first is loaded with the page, the rest when it is opened.
const HistoryTab = lazy(() => import("./history_tab"));
const LogTab = lazy(() => import("./log_tab"));
const RecordTab = lazy(() => import("./record_tab"));
const ScenesTab = lazy(() => import("./scenes_tab"));
const Variants = lazy(() => import("./variants"));
const ReproductionNote = lazy(() => import("./reproduction_note"));

const TABS = ["overview", "scenes", "log", "history", "record"] as const;
type TabName = (typeof TABS)[number];
const CONTENT: Record<TabName, ComponentType<{ job: JobDetail }>> = {
  overview: OverviewTab,
  scenes: ScenesTab,
  log: LogTab,
  history: HistoryTab,
  record: RecordTab,
};

function JobContent({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const [params, setParams] = useSearchParams();
  const tab = TABS.find((name) => name === params.get("tab")) ?? "overview";
  const status = useNewest(job, (newest) => newest.status);
  const queuePosition = useNewest(job, (newest) => newest.queue_position);
  const kind = job.error === null ? undefined : troubleKind(job.error.code);
  const Content = CONTENT[tab];

  function waitingText(): string {
    if (job.paused_at !== null) return t("job.paused", { time: formats.moment(job.paused_at) });
    if (formats.isAhead(job.not_before)) return t("job.waitingTime", { time: formats.moment(job.not_before) });
    return queuePosition === null ? t("job.waiting") : t("job.waitingPlace", { place: queuePosition + 1 });
  }

  return (
    <Box>
      <Stack direction="row" sx={{ gap: 2, justifyContent: "space-between", flexWrap: "wrap", alignItems: "flex-start" }}>
        <Box sx={{ minWidth: 0, flex: "1 1 320px" }}>
          <Stack direction="row" sx={{ gap: 1, alignItems: "center", mb: 1, flexWrap: "wrap" }}>
            <Typography variant="h1">{t("pages.job", { job: shortId(job.job_id) })}</Typography>
            <StatusChip status={status} isCancelling={job.cancel_requested} isPaused={job.paused_at !== null} />
          </Stack>
          <Typography dir="auto" title={job.prompt ?? undefined} sx={{ ...clamped(4), overflowWrap: "anywhere", textAlign: "left" }}>
            {job.prompt ?? t("status.erased")}
          </Typography>
        </Box>
        <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
          {job.erased ? null : (
            <Button size="small" variant="contained" component={Link} to={`/generate?from=${job.job_id}`}>
              {t("actions.again")}
            </Button>
          )}
          {job.status === "completed" && !job.erased ? <ReproduceButton jobId={job.job_id} /> : null}
          <JobActions jobs={[{ ...job, status }]} number={1} />
        </Stack>
      </Stack>
      {status === "processing" ? (
        <Box sx={{ mt: 1.5 }}>
          <JobProgress job={job} isDetailed />
          {job.paused_at === null ? null : (
            <Alert severity="info" sx={{ mt: 1.5 }}>
              {t("job.pausing")}
            </Alert>
          )}
        </Box>
      ) : null}
      {status === "queued" ? (
        <Alert severity="info" sx={{ mt: 1.5 }}>
          {waitingText()}
          {job.start_before === null ? null : ` ${t("job.startBefore", { time: formats.moment(job.start_before) })}`}
        </Alert>
      ) : null}
      {job.error === null ? null : (
        <Alert severity="error" sx={{ mt: 1.5 }}>
          {kind === undefined ? null : (
            <Typography variant="body2" sx={{ fontWeight: 600 }}>
              {t(`job.trouble.${kind}`)}
            </Typography>
          )}
          <ServerText>{job.error.message}</ServerText> <Typography variant="body2" component="span">({t("job.errorCode")} {job.error.code})</Typography>
        </Alert>
      )}
      {job.erased ? (
        <Alert severity="info" sx={{ mt: 1.5 }}>
          {t("job.erased")}
        </Alert>
      ) : null}
      {job.reproduces === null ? null : (
        <Suspense>
          <ReproductionNote job={job} original={job.reproduces} />
        </Suspense>
      )}
      {job.variant_of === null ? null : (
        <Suspense fallback={<Skeletons />}>
          <Variants job={job} group={job.variant_of} />
        </Suspense>
      )}
      <Tabs
        value={tab}
        variant="scrollable"
        onChange={(_, chosen: TabName) => setParams(chosen === "overview" ? {} : { tab: chosen }, { replace: true })}
        sx={{ borderBottom: 1, borderColor: "divider", mt: 1.5, mb: 2 }}
      >
        {TABS.map((name) => (
          <Tab key={name} value={name} label={t(`job.${name}`)} id={`tab-${name}`} aria-controls="tab-content" />
        ))}
      </Tabs>
      <Box role="tabpanel" id="tab-content" aria-labelledby={`tab-${tab}`}>
        <Suspense fallback={<Skeletons />}>
          <Content job={job} />
        </Suspense>
      </Box>
    </Box>
  );
}

export function readings(queries: QueryClient, { jobId }: { jobId?: string }): readonly Reading[] {
  return jobId === undefined ? [] : [jobReading(queries, jobId)];
}

export default function JobPage(): ReactNode {
  const { t } = useTranslation();
  const jobId = useParams()["jobId"] ?? "";
  const job = useJob(jobId);
  useTitle(t("pages.job", { job: shortId(jobId) }));
  useChannel(`job:${jobId}`);
  if (job.error instanceof RequestFailed && job.error.status === 404) {
    return (
      <Alert
        severity="info"
        action={
          <Button component={Link} to="/jobs" color="inherit" size="small">
            {t("dashboard.allJobs")}
          </Button>
        }
      >
        {t("job.notFound")}
      </Alert>
    );
  }
  return (
    <Loaded query={job} lines={8}>
      {(data) => <JobContent key={jobId} job={data} />}
    </Loaded>
  );
}
