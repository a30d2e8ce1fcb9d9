/** What the pages read. While live updates are off, what they would change is read again every few seconds. */
import {
  type UseMutationResult,
  type UseQueryResult,
  keepPreviousData,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useLiveState } from "../live/live_store";
import { useSettings } from "../session/settings";
import { utcOffset } from "../text/format";
import { answered, fetchedFile, gateway } from "./gateway";
import { queryKeys } from "./query_keys";
import type { paths } from "./rest_types";
import type {
  ActivityEntry,
  Alarm,
  ApiKey,
  BulkResponse,
  Caller,
  Commit,
  Job,
  JobDetail,
  JobList,
  JobSummary,
  LogEntry,
  Models,
  Overview,
  Priority,
  Proof,
  QueueDepth,
  Storyboard,
  Trend,
  Worker,
} from "./types";
import { hasEnded } from "./types";

export type JobsQuery = NonNullable<paths["/api/v1/jobs"]["get"]["parameters"]["query"]>;
export type DateRange = NonNullable<JobsQuery["date_range"]>;
export type ChartQuery = NonNullable<paths["/api/v1/analytics/trends"]["get"]["parameters"]["query"]>;
type BulkRequest = paths["/api/v1/bulk"]["post"]["requestBody"]["content"]["application/json"];

const PROOF_STALE_MS = 60_000;
const FILE_STALE_MS = Infinity;
/** Links with a ticket are asked for again this long before their end. */
const TICKET_STALE_MS = 8 * 60_000;

/** Return milliseconds between reads of what live updates tell; false while they do. */
function usePolling(): number | false {
  const seconds = useSettings((state) => state.refreshSeconds);
  return useLiveState() === "live" ? false : seconds * 1_000;
}

/** Return milliseconds between reads of what live updates do not tell. */
function useRefresh(): number {
  return useSettings((state) => state.refreshSeconds) * 1_000;
}

export function useJobs(query: JobsQuery): UseQueryResult<JobList> {
  return useQuery({
    queryKey: queryKeys.jobs(query),
    queryFn: ({ signal }) =>
      answered(gateway.GET("/api/v1/jobs", { params: { query: { utc_offset: offsetOf(query), ...query } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: usePolling(),
  });
}

export function useCounts(query: ChartQuery): UseQueryResult<JobSummary> {
  return useQuery({
    queryKey: queryKeys.counts(query),
    queryFn: ({ signal }) =>
      answered(
        gateway.GET("/api/v1/analytics/status-distribution", {
          params: { query: { utc_offset: offsetOf(query), ...query } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: usePolling(),
  });
}

export function useJob(jobId: string): UseQueryResult<JobDetail> {
  return useQuery({
    queryKey: queryKeys.job(jobId),
    queryFn: ({ signal }) =>
      answered(gateway.GET("/api/v1/status/{job_id}", { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: usePolling(),
  });
}

export function useStoryboard(jobId: string): UseQueryResult<Storyboard> {
  return useQuery({
    queryKey: queryKeys.storyboard(jobId),
    queryFn: ({ signal }) =>
      answered(gateway.GET("/api/v1/storyboard/{job_id}", { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: usePolling(),
  });
}

/** The log lines of a job, oldest first. Live updates add to them. */
export function useLog(jobId: string): UseQueryResult<LogEntry[]> {
  return useQuery({
    queryKey: queryKeys.log(jobId),
    queryFn: async ({ signal }) => {
      const query = { limit: 1_000 };
      const call = gateway.GET("/api/v1/logs/{job_id}", { params: { path: { job_id: jobId }, query }, signal });
      return (await answered(call)).entries;
    },
    refetchInterval: usePolling(),
  });
}

export interface History {
  commits: Commit[];
  job: JobDetail;
}

/** The history of a job, and the job as it was after the commit at the position `asOf`. */
export function useHistory(jobId: string, asOf?: number): UseQueryResult<History> {
  return useQuery({
    queryKey: queryKeys.history(jobId, asOf),
    queryFn: ({ signal }) => {
      const query = asOf === undefined ? {} : { as_of: String(asOf) };
      return answered(gateway.GET("/api/v1/events/{job_id}", { params: { path: { job_id: jobId }, query }, signal }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: usePolling(),
  });
}

/** The checks of a job's record. They read its files, so they run when somebody asks. */
export function useProof(jobId: string, isAsked: boolean): UseQueryResult<Proof> {
  return useQuery({
    queryKey: queryKeys.proof(jobId),
    queryFn: ({ signal }) =>
      answered(gateway.GET("/api/v1/audit/{job_id}", { params: { path: { job_id: jobId } }, signal })),
    enabled: isAsked,
    staleTime: PROOF_STALE_MS,
  });
}

export function useModels(): UseQueryResult<Models> {
  return useQuery({
    queryKey: queryKeys.models,
    queryFn: ({ signal }) => answered(gateway.GET("/api/v1/models", { signal })),
    staleTime: PROOF_STALE_MS,
  });
}

export function useWorkers(): UseQueryResult<Worker[]> {
  return useQuery({
    queryKey: queryKeys.workers,
    queryFn: async ({ signal }) => (await answered(gateway.GET("/api/v1/workers", { signal }))).workers,
    refetchInterval: useRefresh(),
  });
}

export function useAlarms(): UseQueryResult<Alarm[]> {
  return useQuery({
    queryKey: queryKeys.alarms,
    queryFn: async ({ signal }) => (await answered(gateway.GET("/api/v1/alarms", { signal }))).alarms,
    refetchInterval: useRefresh(),
  });
}

export function useActivity(): UseQueryResult<ActivityEntry[]> {
  return useQuery({
    queryKey: queryKeys.activity,
    queryFn: async ({ signal }) =>
      (await answered(gateway.GET("/api/v1/activity", { params: { query: { limit: 30 } }, signal }))).entries,
    refetchInterval: usePolling(),
  });
}

export function useCaller(): UseQueryResult<Caller> {
  return useQuery({
    queryKey: queryKeys.caller,
    queryFn: ({ signal }) => answered(gateway.GET("/api/v1/whoami", { signal })),
  });
}

export function useKeys(): UseQueryResult<ApiKey[]> {
  return useQuery({
    queryKey: queryKeys.keys,
    queryFn: async ({ signal }) =>
      (await answered(gateway.GET("/api/v1/keys", { params: { query: { limit: 100 } }, signal }))).keys,
    retry: false,
  });
}

export function useOverview(query: ChartQuery): UseQueryResult<Overview> {
  return useQuery({
    queryKey: queryKeys.charts("overview", query),
    queryFn: ({ signal }) =>
      answered(
        gateway.GET("/api/v1/analytics/overview", {
          params: { query: { utc_offset: offsetOf(query), ...query } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: useRefresh(),
  });
}

export function useTrends(query: ChartQuery): UseQueryResult<Trend[]> {
  return useQuery({
    queryKey: queryKeys.charts("trends", query),
    queryFn: async ({ signal }) => {
      const params = { query: { utc_offset: offsetOf(query), ...query } };
      return (await answered(gateway.GET("/api/v1/analytics/trends", { params, signal }))).points;
    },
    placeholderData: keepPreviousData,
    refetchInterval: useRefresh(),
  });
}

export function useQueueDepth(query: ChartQuery): UseQueryResult<QueueDepth[]> {
  return useQuery({
    queryKey: queryKeys.charts("depth", query),
    queryFn: async ({ signal }) => {
      const params = { query: { utc_offset: offsetOf(query), ...query } };
      return (await answered(gateway.GET("/api/v1/analytics/queue-depth", { params, signal }))).points;
    },
    placeholderData: keepPreviousData,
    refetchInterval: useRefresh(),
  });
}

type StageTimes = paths["/api/v1/analytics/stage-times"]["get"]["responses"]["200"]["content"]["application/json"];
type SuccessRates = paths["/api/v1/analytics/success-rate"]["get"]["responses"]["200"]["content"]["application/json"];

export function useStageTimes(query: Omit<ChartQuery, "bucket_seconds">): UseQueryResult<StageTimes["stages"]> {
  return useQuery({
    queryKey: queryKeys.charts("stages", query),
    queryFn: async ({ signal }) => {
      const params = { query: { utc_offset: offsetOf(query), ...query } };
      return (await answered(gateway.GET("/api/v1/analytics/stage-times", { params, signal }))).stages;
    },
    placeholderData: keepPreviousData,
    refetchInterval: useRefresh(),
  });
}

export function useSuccessRates(query: Omit<ChartQuery, "bucket_seconds">): UseQueryResult<SuccessRates["rates"]> {
  return useQuery({
    queryKey: queryKeys.charts("success", query),
    queryFn: async ({ signal }) => {
      const params = { query: { utc_offset: offsetOf(query), ...query } };
      return (await answered(gateway.GET("/api/v1/analytics/success-rate", { params, signal }))).rates;
    },
    placeholderData: keepPreviousData,
    refetchInterval: useRefresh(),
  });
}

/** Return a picture as a data address that `<img>` shows: `<img>` itself would send no key. */
export function useFile(link: string | null | undefined): UseQueryResult<Blob> {
  const apiKey = useSettings((state) => state.apiKey);
  return useQuery({
    queryKey: queryKeys.file(link ?? "", apiKey),
    queryFn: ({ signal }) => fetchedFile(link ?? "", signal),
    enabled: Boolean(link) && apiKey !== "",
    staleTime: FILE_STALE_MS,
    retry: false,
  });
}

/** Return the links of a job's files that need no key for some minutes. */
export function useSignedLinks(job: Job): UseQueryResult<Record<"video" | "thumbnail" | "preview", string | null>> {
  const apiKey = useSettings((state) => state.apiKey);
  return useQuery({
    queryKey: queryKeys.ticket(job.job_id, apiKey),
    queryFn: async ({ signal }) => {
      const answer = await answered(gateway.POST("/api/v1/tickets", { body: { job_id: job.job_id }, signal }));
      return {
        video: answer.links?.video ?? null,
        thumbnail: answer.links?.thumbnail ?? null,
        preview: answer.links?.preview ?? null,
      };
    },
    enabled: apiKey !== "" && hasEnded(job.status) && !job.erased,
    staleTime: TICKET_STALE_MS,
  });
}

export type JobAction = "cancel" | "retry" | "reprioritize" | "erase";
export interface ActionOnJobs {
  action: JobAction;
  jobIds?: readonly string[];
  /** Every job of this filter, in place of ids. */
  filter?: BulkRequest["filter"];
  priority?: Priority | undefined;
}

/** Carries out one action for some jobs. The answer has a result for each of them. */
export function useJobAction(): UseMutationResult<BulkResponse, Error, ActionOnJobs> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ action, jobIds, filter, priority }) =>
      answered(
        gateway.POST("/api/v1/bulk", {
          body: {
            action,
            ...(jobIds === undefined ? {} : { job_ids: [...jobIds] }),
            ...(filter === undefined ? {} : { filter }),
            ...(priority === undefined ? {} : { priority }),
          },
        }),
      ),
    onSettled: () => queries.invalidateQueries(),
  });
}

function offsetOf(query: { date_range?: unknown }): string | undefined {
  return query.date_range === undefined || query.date_range === null ? undefined : utcOffset();
}
