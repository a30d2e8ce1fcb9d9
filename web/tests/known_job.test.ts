/** Answers and commits of a job in either order. */
import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { newestOf, takeCommit } from "../src/api/known_job";
import { queryKeys } from "../src/api/query_keys";
import type { JobDetail } from "../src/api/types";

const JOB = "a".repeat(26);

function at(version: number): JobDetail {
  return { job_id: JOB, version } as JobDetail;
}

test.each([
  [2, 3],
  [3, 2],
])("an answer of version %i and a commit of version %i that arrives first leave the newest", async (read, committed) => {
  const queries = new QueryClient();
  let answer: (job: JobDetail) => void = () => undefined;
  const arrives = new Promise<JobDetail>((resolve) => (answer = resolve));
  const reading = queries.fetchQuery({
    queryKey: queryKeys.job(JOB),
    queryFn: async () => newestOf(queries, JOB, await arrives),
  });
  takeCommit(queries, JOB, at(committed));
  answer(at(read));
  await reading;
  expect(queries.getQueryData<JobDetail>(queryKeys.job(JOB))?.version).toBe(3);
});

test("an older commit changes nothing, and a job that no page shows is not kept", () => {
  const queries = new QueryClient();
  takeCommit(queries, JOB, at(1));
  expect(queries.getQueryData(queryKeys.job(JOB))).toBeUndefined();
  queries.setQueryData(queryKeys.job(JOB), at(5));
  takeCommit(queries, JOB, at(4));
  expect(queries.getQueryData<JobDetail>(queryKeys.job(JOB))?.version).toBe(5);
});
