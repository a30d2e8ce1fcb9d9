/** Commits in the lists that were read: one that moves no job from its place changes its row, and no list is read again. */
import type { QueryClient } from "@tanstack/react-query";
import { queryKeys } from "./query_keys";
import type { Job, JobDetail, JobList } from "./types";

/** Events after which a job is in the same lists as before, at the same place unless they are ordered by progress. */
const EVENTS_IN_PLACE: ReadonlySet<string> = new Set([
  "storyboard_planned",
  "prefetch_requested",
  "prefetch_finished",
  "runtime_recorded",
  "stage_started",
  "stage_finished",
  "scene_rendered",
  "checkpoint_stored",
]);
const MOVING_ORDERS: ReadonlySet<string | undefined> = new Set(["progress", "updated_at"]);

export function staysInPlace(events: readonly string[]): boolean {
  return events.length > 0 && events.every((event) => EVENTS_IN_PLACE.has(event));
}

/** Return a job with no more fields than a row has: a commit tells more. */
function rowOf(row: Job, job: Job): Job {
  return Object.fromEntries(Object.keys(row).map((name) => [name, job[name as keyof Job]])) as Job;
}

/** Return jobs, with those of `others` that are newer in their place; the same jobs if none is. */
function withNewer(jobs: Job[], others: ReadonlyMap<string, Job>): Job[] {
  const newest = jobs.map((row) => {
    const other = others.get(row.job_id);
    return other === undefined || other.version <= row.version ? row : rowOf(row, other);
  });
  return newest.some((row, index) => row !== jobs[index]) ? newest : jobs;
}

/** Put the jobs of commits that stay in place into the lists that have them, and read again those that they reorder. */
export function takeIntoLists(queries: QueryClient, jobs: ReadonlyMap<string, JobDetail>): void {
  for (const query of queries.getQueryCache().findAll({ queryKey: queryKeys.ofLists })) {
    const list = query.state.data as JobList | undefined;
    if (list === undefined) continue;
    const { sort } = query.queryKey[2] as { sort?: string };
    if (MOVING_ORDERS.has(sort)) void queries.invalidateQueries({ queryKey: query.queryKey, exact: true });
    else {
      const newest = withNewer(list.jobs, jobs);
      if (newest !== list.jobs) queries.setQueryData(query.queryKey, { ...list, jobs: newest });
    }
  }
}

/** Return an answer, with what commits told of its jobs while it was on its way. */
export function newestRows(queries: QueryClient, query: object, read: JobList): JobList {
  const known = queries.getQueryData<JobList>(queryKeys.jobs(query));
  if (known === undefined) return read;
  return { ...read, jobs: withNewer(read.jobs, new Map(known.jobs.map((job) => [job.job_id, job]))) };
}
