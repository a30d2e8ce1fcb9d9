/** The newest known lines of a log: answers of the server and lines of the live connection may come in any order. */
import type { QueryClient } from "@tanstack/react-query";
import { queryKeys } from "./query_keys";
import type { LogEntry } from "./types";

/** Log lines that are read, and most that are kept, of a job. */
export const MOST_LINES = 1_000;

/** Return lines, and those of `others` that are newer than the last of them. */
function withNewer(lines: readonly LogEntry[], others: readonly LogEntry[]): LogEntry[] {
  const last = lines.at(-1)?.sequence ?? 0;
  return [...lines, ...others.filter(({ sequence }) => sequence > last)].slice(-MOST_LINES);
}

/** Take a line, also while the log is being read. A log that no page shows is left alone. */
export function takeLine(queries: QueryClient, jobId: string, line: LogEntry): void {
  const queryKey = queryKeys.log(jobId);
  const query = queries.getQueryCache().find<LogEntry[]>({ queryKey });
  if (query !== undefined) queries.setQueryData(queryKey, withNewer(query.state.data ?? [], [line]));
}

/** Return an answer, with the lines that came while it was on its way. */
export function newestLines(queries: QueryClient, jobId: string, read: readonly LogEntry[]): LogEntry[] {
  return withNewer(read, queries.getQueryData<LogEntry[]>(queryKeys.log(jobId)) ?? []);
}
