/** Commits that change rows of lists in place. */
import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { newestRows, staysInPlace, takeIntoLists } from "../src/api/known_lists";
import { queryKeys } from "../src/api/query_keys";
import type { Job, JobDetail, JobList } from "../src/api/types";

const [ONE, OTHER] = ["a".repeat(26), "b".repeat(26)];
const NEWEST = queryKeys.jobs({ sort: "created_at" });

function listOf(...versions: number[]): JobList {
  return { jobs: [ONE, OTHER].map((job_id, index) => ({ job_id, version: versions[index] }) as Job) } as JobList;
}

function commits(version: number): Map<string, JobDetail> {
  return new Map([[OTHER, { job_id: OTHER, version, artifacts: [] as unknown } as JobDetail]]);
}

function known(list: JobList): QueryClient {
  const queries = new QueryClient();
  queries.setQueryData(NEWEST, list);
  return queries;
}

test("only events that move no job keep lists as they are", () => {
  expect(staysInPlace(["stage_started", "stage_finished"])).toBe(true);
  expect(staysInPlace(["stage_finished", "completed"])).toBe(false);
  expect(staysInPlace(["an event of a later version"])).toBe(false);
  expect(staysInPlace([])).toBe(false);
});

test("a commit changes the row of its job, without the fields that rows lack, and no other", () => {
  const before = listOf(3, 3);
  const queries = known(before);
  takeIntoLists(queries, commits(4));
  const after = queries.getQueryData<JobList>(NEWEST);
  expect(after).toEqual(listOf(3, 4));
  expect(after?.jobs[0]).toBe(before.jobs[0]);
  takeIntoLists(queries, commits(2));
  expect(queries.getQueryData(NEWEST)).toBe(after);
});

test("a list that progress orders is read again", () => {
  const queries = known(listOf(3, 3));
  queries.setQueryData(queryKeys.jobs({ sort: "progress" }), listOf(3, 3));
  takeIntoLists(queries, commits(4));
  expect(queries.getQueryState(queryKeys.jobs({ sort: "progress" }))?.isInvalidated).toBe(true);
  expect(queries.getQueryState(NEWEST)?.isInvalidated).toBe(false);
});

test("an answer that is older than a commit keeps what the commit told", () => {
  const queries = known(listOf(3, 5));
  expect(newestRows(queries, { sort: "created_at" }, listOf(4, 4))).toEqual(listOf(4, 5));
});
