/** The first jobs of the queue: those that may start, in the order of their places, before the others, such as those of a paused priority. */
import { answered, gateway } from "./gateway";
import type { JobsQuery } from "./queries";
import { type Job, PRIORITIES } from "./types";

export interface NextJobs {
  jobs: Job[];
  /** Whether all of the queue was read. A longer one takes many requests. */
  isWhole: boolean;
}

/** What makes jobs of these priorities wait: a pause of the queue, or of some priorities. */
type PausedPriorities = ReadonlySet<string>;

/**
 * Compare by place, those of paused priorities after the others. Jobs without a place come last: those that wait for a
 * time by that time, then the paused ones.
 */
function compareTurns(one: Job, other: Job, paused: PausedPriorities): number {
  const line = (job: Job): number => (job.queue_position === null ? 2 : Number(paused.has(job.priority)));
  const place = (job: Job): number => job.queue_position ?? Number.MAX_SAFE_INTEGER;
  const held = (job: Job): number => Number(job.paused_at !== null);
  const start = (job: Job): number => Date.parse(job.not_before ?? job.created_at);
  return line(one) - line(other) || place(one) - place(other) || held(one) - held(other) || start(one) - start(other);
}

/** Read which priorities are paused. */
async function readPausedPriorities(signal: AbortSignal): Promise<PausedPriorities> {
  const { pauses } = await answered(gateway.GET("/api/v1/queue", { signal }));
  return new Set<string>(pauses.flatMap(({ priority }): readonly string[] => (priority === null ? PRIORITIES : [priority])));
}

/**
 * Read the first `limit` jobs that wait, the next one first.
 *
 * One request has all of a short queue. In a longer one each model and each priority has a line of its own, and workers
 * take turns between the lines, so the first jobs of the queue are among the first of each line. These are the oldest
 * ones, unless jobs were retried: a retry puts an old job at the end of its line. Then they are the ones that changed
 * least recently.
 *
 * With `hasPauses` the pauses of the queue are read too.
 */
export async function readNextJobs(limit: number, hasPauses: boolean, signal: AbortSignal): Promise<NextJobs> {
  const jobs = new Map<string, Job>();
  const paused = hasPauses ? await readPausedPriorities(signal) : new Set<string>();

  /** Add the first jobs of some lines. Return those lines that have more. */
  async function longOnes(lines: readonly JobsQuery[], sort: "created_at" | "updated_at" = "created_at"): Promise<JobsQuery[]> {
    const lists = await Promise.all(
      lines.map((line) => answered(gateway.GET("/api/v1/jobs", { params: { query: { ...line, sort, order: "asc", limit } }, signal }))),
    );
    for (const job of lists.flatMap((list) => list.jobs)) jobs.set(job.job_id, job);
    return lines.filter((_, index) => lists[index]?.next_cursor);
  }

  const queue: JobsQuery = { status: ["queued"], startable: true };
  const isWhole = (await longOnes([queue])).length === 0;
  if (!isWhole) {
    let lines = await longOnes(PRIORITIES.map((priority) => ({ ...queue, priority: [priority] })));
    const { models } = lines.length > 0 ? await answered(gateway.GET("/api/v1/models", { signal })) : { models: [] };
    if (models.length > 1) {
      lines = await longOnes(lines.flatMap((line) => models.map((model) => ({ ...line, model: [model.name] }))));
    }
    await longOnes(lines, "updated_at");
  } else if (jobs.size < limit) await longOnes([{ status: ["queued"] }]);
  return { jobs: [...jobs.values()].sort((one, other) => compareTurns(one, other, paused)).slice(0, limit), isWhole };
}
