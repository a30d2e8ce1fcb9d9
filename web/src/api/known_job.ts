/** The newest known state of a job: answers of the server and commits of the live connection may come in any order. */
import type { QueryClient } from "@tanstack/react-query";
import { queryKeys } from "./query_keys";
import type { JobDetail } from "./types";

/** Take a commit, also while the job is being read for the first time. A job that no page shows is left alone. */
export function takeCommit(queries: QueryClient, jobId: string, job: JobDetail): void {
  const queryKey = queryKeys.job(jobId);
  const query = queries.getQueryCache().find<JobDetail>({ queryKey });
  if (query !== undefined && (query.state.data?.version ?? 0) <= job.version) queries.setQueryData(queryKey, job);
}

/** Return an answer, or what commits told of while it was on its way. */
export function newestOf(queries: QueryClient, jobId: string, read: JobDetail): JobDetail {
  const known = queries.getQueryData<JobDetail>(queryKeys.job(jobId));
  return known !== undefined && known.version > read.version ? known : read;
}
