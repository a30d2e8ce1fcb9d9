/** Answers and lines of a job's log in either order. */
import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { MOST_LINES, newestLines, takeLine } from "../src/api/known_log";
import { queryKeys } from "../src/api/query_keys";
import type { LogEntry } from "../src/api/types";

const JOB = "a".repeat(26);

function lines(...sequences: number[]): LogEntry[] {
  return sequences.map((sequence) => ({ sequence }) as LogEntry);
}

function known(queries: QueryClient): number[] | undefined {
  return queries.getQueryData<LogEntry[]>(queryKeys.log(JOB))?.map(({ sequence }) => sequence);
}

test.each([
  ["for the first time", undefined],
  ["once more", [1, 2]],
])("lines that arrive while the log is read %s follow those of the answer", async (_, before) => {
  const queries = new QueryClient();
  if (before !== undefined) queries.setQueryData(queryKeys.log(JOB), lines(...before));
  let answer: (read: LogEntry[]) => void = () => undefined;
  const arrives = new Promise<LogEntry[]>((resolve) => (answer = resolve));
  const reading = queries.fetchQuery({
    queryKey: queryKeys.log(JOB),
    queryFn: async () => newestLines(queries, JOB, await arrives),
  });
  for (const line of lines(3, 4, 4)) takeLine(queries, JOB, line);
  answer(lines(1, 2, 3));
  await reading;
  expect(known(queries)).toEqual([1, 2, 3, 4]);
});

test("the oldest lines make room, and a log that no page shows is not kept", () => {
  const queries = new QueryClient();
  for (const line of lines(1)) takeLine(queries, JOB, line);
  expect(known(queries)).toBeUndefined();
  queries.setQueryData(queryKeys.log(JOB), lines(...Array.from({ length: MOST_LINES }, (_, index) => index + 1)));
  for (const line of lines(MOST_LINES + 1)) takeLine(queries, JOB, line);
  expect([known(queries)?.length, known(queries)?.at(0), known(queries)?.at(-1)]).toEqual([MOST_LINES, 2, MOST_LINES + 1]);
});
