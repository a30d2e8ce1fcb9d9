/** The first jobs of a queue that is longer than a list. */
import { expect, test, vi } from "vitest";
import type { JobsQuery } from "../src/api/queries";
import { type Job, PRIORITIES, type Priority } from "../src/api/types";

const QUEUE: Job[] = [];
const PAUSES: { priority: Priority | null }[] = [];

vi.mock("../src/api/gateway", () => ({
  answered: (answer: unknown) => answer,
  gateway: {
    GET: (path: string, options: { params?: { query: JobsQuery } }): unknown => {
      if (path === "/api/v1/queue") return { pauses: PAUSES };
      if (path === "/api/v1/models") return { models: [{ name: "one" }, { name: "other" }] };
      const { priority = PRIORITIES, model, sort, limit = 0, startable = false } = options.params?.query ?? {};
      const order = sort === "updated_at" ? "updated_at" : "created_at";
      const found = QUEUE.filter((job) => (!startable || job.queue_position !== null) && priority?.includes(job.priority) && (model?.includes(job.model) ?? true)).sort(
        (one, other) => Date.parse(one[order]) - Date.parse(other[order]),
      );
      return { jobs: found.slice(0, limit), next_cursor: found.length > limit ? "more" : null };
    },
  },
}));
const { readNextJobs } = await import("../src/api/next_jobs");

function wait(place: number, created: number, updated: number, priority: Job["priority"], model: string): void {
  const [created_at, updated_at] = [created, updated].map((second) => new Date(second * 1000).toISOString());
  QUEUE.push({ job_id: String(place), queue_position: place, paused_at: null, not_before: null, created_at, updated_at, priority, model } as Job);
}

test("each line of a long queue is asked for its first jobs", async () => {
  const places = async (): Promise<unknown> => {
    const { jobs, isWhole } = await readNextJobs(2, false, new AbortController().signal);
    return [jobs.map((job) => job.queue_position), isWhole];
  };
  wait(1, 10, 10, "low", "one");
  wait(0, 20, 20, "critical", "one");
  expect(await places()).toEqual([[0, 1], true]);
  QUEUE.length = 0;
  // Jobs of little urgency are older, and those of the line that is next were retried: they are old and changed last.
  for (let place = 4; place < 8; place++) wait(place, place, place, "low", "one");
  for (let place = 2; place < 4; place++) wait(place, 8 + place, 40 + place, "critical", "other");
  for (let place = 0; place < 2; place++) wait(place, 20 + place, 20 + place, "critical", "other");
  expect(await places()).toEqual([[0, 1], false]);
});

test("jobs that may start come before those that wait for a time, and those before paused ones", async () => {
  QUEUE.length = 0;
  const held = { queue_position: null, created_at: new Date(0).toISOString(), priority: "low", model: "one" };
  QUEUE.push({ ...held, job_id: "paused", paused_at: held.created_at, not_before: null } as Job);
  QUEUE.push({ ...held, job_id: "late", paused_at: null, not_before: new Date(9e12).toISOString() } as Job);
  QUEUE.push({ ...held, job_id: "soon", paused_at: null, not_before: new Date(8e12).toISOString() } as Job);
  wait(0, 10, 10, "low", "one");
  const ids = async (limit: number): Promise<string[]> =>
    (await readNextJobs(limit, false, new AbortController().signal)).jobs.map((job) => job.job_id);
  expect(await ids(1)).toEqual(["0"]);
  expect(await ids(9)).toEqual(["0", "soon", "late", "paused"]);
});

test("jobs of a paused priority come after those that may start", async () => {
  QUEUE.length = 0;
  wait(0, 10, 10, "critical", "one");
  wait(1, 20, 20, "low", "one");
  wait(2, 30, 30, "high", "one");
  const ids = async (): Promise<string[]> =>
    (await readNextJobs(2, true, new AbortController().signal)).jobs.map((job) => job.job_id);
  expect(await ids()).toEqual(["0", "1"]);
  PAUSES.push({ priority: "critical" });
  expect(await ids()).toEqual(["1", "2"]);
  PAUSES.push({ priority: null });
  expect(await ids()).toEqual(["0", "1"]);
});
