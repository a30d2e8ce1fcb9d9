/** What the pages read. While live updates are off, what they would change is read again every few seconds. */
import { type QueryClient, type QueryKey, type UseQueryResult, keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useLiveState } from "../live/live_store";
import { useSettings } from "../session/settings";
import { utcOffset } from "../text/format";
import { fetchedFile } from "./fetched";
import { answered, gateway } from "./gateway";
import { newestOf } from "./known_job";
import { newestRows } from "./known_lists";
import { MOST_LINES, newestLines } from "./known_log";
import { type NextJobs, readNextJobs } from "./next_jobs";
import { queryKeys } from "./query_keys";
import type { paths } from "./rest_types";
import type {
  ActivityEntry,
  Alarm,
  ApiKey,
  Caller,
  GenerateRequest,
  History,
  Job,
  JobDetail,
  JobList,
  JobPlan,
  JobSummary,
  LogEntry,
  Models,
  Overview,
  Proof,
  QueueDepth,
  SignedLinks,
  StageTime,
  Storyboard,
  SuccessRate,
  Trend,
  Usage,
  Worker,
} from "./types";
import { hasEnded } from "./types";

export type JobsQuery = NonNullable<paths["/api/v1/jobs"]["get"]["parameters"]["query"]>;
export type DateRange = NonNullable<JobsQuery["date_range"]>;
export type ChartQuery = NonNullable<paths["/api/v1/analytics/trends"]["get"]["parameters"]["query"]>;
export type RangeQuery = Omit<ChartQuery, "bucket_seconds">;
export type CountsQuery = NonNullable<paths["/api/v1/analytics/status-distribution"]["get"]["parameters"]["query"]>;

/** The alarm that tells of pauses of the queue. */
export const PAUSE_ALARM = "queue-paused";

const MINUTE_MS = 60_000;
const LONG_QUEUE_MS = 10_000;
/** Links with a ticket are asked for again this long before their end. */
const TICKET_STALE_MS = 8 * MINUTE_MS;

/** Return milliseconds between reads of what live updates tell; false while they do. */
function usePolling(): number | false {
  const seconds = useSettings((state) => state.refreshSeconds);
  return useLiveState() === "live" ? false : seconds * 1_000;
}

/** Return milliseconds between reads of what live updates do not tell. */
function useRefresh(): number | false {
  return useSettings((state) => state.isRefreshed && state.refreshSeconds * 1_000);
}

/** What is read, and how. A page that is opened starts its first ones before it is drawn. */
export interface Reading<T = unknown> {
  queryKey: QueryKey;
  queryFn: (context: { signal: AbortSignal }) => Promise<T>;
}

/** Read something, and again every `refetchInterval` milliseconds. */
function useReading<T>(
  queryKey: QueryKey,
  read: (signal: AbortSignal) => Promise<T>,
  refetchInterval: number | false,
): UseQueryResult<T> {
  return useQuery({ queryKey, queryFn: ({ signal }) => read(signal), refetchInterval });
}

/** Read what a query selects. What the query before it selected is shown until then. */
function useSelection<T>(
  queryKey: QueryKey,
  read: (signal: AbortSignal) => Promise<T>,
  refetchInterval: number | false,
): UseQueryResult<T> {
  return useQuery({
    queryKey,
    queryFn: ({ signal }) => read(signal),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
}

/** Return a query with days that begin at the person's midnight. */
export function inOwnDays<Q extends { date_range?: unknown }>(query: Q): Q & { utc_offset?: string } {
  return query.date_range == null ? query : { utc_offset: utcOffset(), ...query };
}

export function jobsReading(queries: QueryClient, query: JobsQuery): Reading<JobList> {
  return {
    queryKey: queryKeys.jobs(query),
    queryFn: async ({ signal }) =>
      newestRows(queries, query, await answered(gateway.GET("/api/v1/jobs", { params: { query: inOwnDays(query) }, signal }))),
  };
}

export function useJobs(query: JobsQuery): UseQueryResult<JobList> {
  const reading = jobsReading(useQueryClient(), query);
  return useQuery({ ...reading, placeholderData: keepPreviousData, refetchInterval: usePolling() });
}

/** What a request would make; nothing is read without one. What it made before a change is shown until the answer. */
export function usePlan(request: GenerateRequest | undefined): UseQueryResult<JobPlan> {
  const apiKey = useSettings((state) => state.apiKey);
  return useQuery({
    queryKey: queryKeys.plan(request, apiKey),
    queryFn: ({ signal }) => answered(gateway.POST("/api/v1/plan", { body: request as GenerateRequest, signal })),
    enabled: request !== undefined,
    placeholderData: request === undefined ? undefined : keepPreviousData,
    staleTime: MINUTE_MS,
    gcTime: MINUTE_MS,
  });
}

/** The first jobs of the queue. A long one is read again every few seconds, and not after each commit. */
export function useNextJobs(limit: number): UseQueryResult<NextJobs> {
  const polling = usePolling();
  const hasPauses = useAlarms().data?.some(({ name }) => name === PAUSE_ALARM) ?? false;
  return useQuery({
    queryKey: queryKeys.nextJobs(hasPauses),
    queryFn: ({ signal }) => readNextJobs(limit, hasPauses, signal),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.isWhole === false ? LONG_QUEUE_MS : polling),
  });
}

/** Return how a query reads jobs by status. */
export function countsReading(query: CountsQuery): Reading<JobSummary> {
  return {
    queryKey: queryKeys.counts(query),
    queryFn: ({ signal }) =>
      answered(gateway.GET("/api/v1/analytics/status-distribution", { params: { query: inOwnDays(query) }, signal })),
  };
}

export function useCounts(query: CountsQuery): UseQueryResult<JobSummary> {
  return useQuery({ ...countsReading(query), placeholderData: keepPreviousData, refetchInterval: usePolling() });
}

/** Return what the routes of one job take. */
function ofJob(jobId: string): { path: { job_id: string } } {
  return { path: { job_id: jobId } };
}

export function jobReading(queries: QueryClient, jobId: string): Reading<JobDetail> {
  return {
    queryKey: queryKeys.job(jobId),
    queryFn: async ({ signal }) =>
      newestOf(queries, jobId, await answered(gateway.GET("/api/v1/status/{job_id}", { params: ofJob(jobId), signal }))),
  };
}

export function useJob(jobId: string): UseQueryResult<JobDetail> {
  return useQuery({ ...jobReading(useQueryClient(), jobId), refetchInterval: usePolling() });
}

export function useStoryboard(jobId: string): UseQueryResult<Storyboard> {
  return useReading(
    queryKeys.storyboard(jobId),
    (signal) => answered(gateway.GET("/api/v1/storyboard/{job_id}", { params: ofJob(jobId), signal })),
    usePolling(),
  );
}

/** The log lines of a job, oldest first. Live updates add to them. */
export function useLog(jobId: string): UseQueryResult<LogEntry[]> {
  const queries = useQueryClient();
  return useReading(
    queryKeys.log(jobId),
    async (signal) => {
      const params = { ...ofJob(jobId), query: { limit: MOST_LINES } };
      const { entries } = await answered(gateway.GET("/api/v1/logs/{job_id}", { params, signal }));
      return newestLines(queries, jobId, entries);
    },
    usePolling(),
  );
}

/** The history of a job, and the job as it was after the commit at the position `asOf`. */
export function useHistory(jobId: string, asOf?: number): UseQueryResult<History> {
  return useSelection(
    queryKeys.history(jobId, asOf),
    (signal) => {
      const query = asOf === undefined ? {} : { as_of: String(asOf) };
      return answered(gateway.GET("/api/v1/events/{job_id}", { params: { ...ofJob(jobId), query }, signal }));
    },
    usePolling(),
  );
}

/** The checks of a job's record. They read its files, so they run when a person asks. */
export function useProof(jobId: string, isAsked: boolean): UseQueryResult<Proof> {
  return useQuery({
    queryKey: queryKeys.proof(jobId),
    queryFn: ({ signal }) => answered(gateway.GET("/api/v1/audit/{job_id}", { params: ofJob(jobId), signal })),
    enabled: isAsked,
    staleTime: MINUTE_MS,
  });
}

export const MODELS_READING: Reading<Models> = {
  queryKey: queryKeys.models,
  queryFn: ({ signal }) => answered(gateway.GET("/api/v1/models", { signal })),
};

export function useModels(): UseQueryResult<Models> {
  return useQuery({ ...MODELS_READING, staleTime: MINUTE_MS });
}

export function useWorkers(): UseQueryResult<Worker[]> {
  return useReading(
    queryKeys.workers,
    async (signal) => (await answered(gateway.GET("/api/v1/workers", { signal }))).workers,
    useRefresh(),
  );
}

export function useAlarms(): UseQueryResult<Alarm[]> {
  return useReading(
    queryKeys.alarms,
    async (signal) => (await answered(gateway.GET("/api/v1/alarms", { signal }))).alarms,
    useRefresh(),
  );
}

export function useActivity(): UseQueryResult<ActivityEntry[]> {
  return useReading(
    queryKeys.activity,
    async (signal) =>
      (await answered(gateway.GET("/api/v1/activity", { params: { query: { limit: 30 } }, signal }))).entries,
    usePolling(),
  );
}

export function useUsage(): UseQueryResult<Usage> {
  return useReading(
    queryKeys.usage,
    (signal) => answered(gateway.GET("/api/v1/usage", { signal })),
    useRefresh(),
  );
}

export const CALLER_READING: Reading<Caller> = {
  queryKey: queryKeys.caller,
  queryFn: ({ signal }) => answered(gateway.GET("/api/v1/whoami", { signal })),
};

export function useCaller(): UseQueryResult<Caller> {
  return useQuery(CALLER_READING);
}

export function useKeys(): UseQueryResult<ApiKey[]> {
  return useReading(
    queryKeys.keys,
    async (signal) =>
      (await answered(gateway.GET("/api/v1/keys", { params: { query: { limit: 100 } }, signal }))).keys,
    false,
  );
}

/** What the gateway's client takes to read a query. */
type ReadOptions<Q> = {
  params: { query: Q & { utc_offset?: string } };
  signal: AbortSignal;
};

/** Read the numbers of a chart, in the person's own days. */
function useNumbers<Q extends RangeQuery, T>(name: string, query: Q, read: (options: ReadOptions<Q>) => Promise<T>): UseQueryResult<T> {
  return useSelection(
    queryKeys.charts(name, query),
    (signal) => read({ params: { query: inOwnDays(query) }, signal }),
    useRefresh(),
  );
}

export function useOverview(query: RangeQuery): UseQueryResult<Overview> {
  return useNumbers("overview", query, (options) => answered(gateway.GET("/api/v1/analytics/overview", options)));
}

export function useTrends(query: ChartQuery): UseQueryResult<Trend[]> {
  return useNumbers("trends", query, async (options) => (await answered(gateway.GET("/api/v1/analytics/trends", options))).points);
}

export function useQueueDepth(query: ChartQuery): UseQueryResult<QueueDepth[]> {
  return useNumbers("depth", query, async (options) => (await answered(gateway.GET("/api/v1/analytics/queue-depth", options))).points);
}

export function useStageTimes(query: RangeQuery): UseQueryResult<StageTime[]> {
  return useNumbers("stages", query, async (options) => (await answered(gateway.GET("/api/v1/analytics/stage-times", options))).stages);
}

export function useSuccessRates(query: RangeQuery): UseQueryResult<SuccessRate[]> {
  return useNumbers("success", query, async (options) => (await answered(gateway.GET("/api/v1/analytics/success-rate", options))).rates);
}

/** Read a file with the person's key, for `<img>` and `<video>`, which send none. */
export function useFile(link: string | null | undefined): UseQueryResult<Blob> {
  const apiKey = useSettings((state) => state.apiKey);
  return useQuery({
    queryKey: queryKeys.file(link ?? "", apiKey),
    queryFn: ({ signal }) => fetchedFile(link ?? "", signal),
    enabled: Boolean(link) && apiKey !== "",
    staleTime: Infinity,
    retry: false,
  });
}

/** Return the links of a job's files that need no key for some minutes. They are read again before those are over. */
export function useSignedLinks(job: Job): UseQueryResult<SignedLinks | null> {
  const apiKey = useSettings((state) => state.apiKey);
  return useQuery({
    queryKey: queryKeys.ticket(job.job_id, apiKey),
    queryFn: async ({ signal }) =>
      (await answered(gateway.POST("/api/v1/tickets", { body: { job_id: job.job_id }, signal }))).links,
    enabled: apiKey !== "" && hasEnded(job.status) && !job.erased,
    staleTime: TICKET_STALE_MS,
    refetchInterval: TICKET_STALE_MS,
  });
}
