/** What the page of audits reads: commits by questions, the queue as it was, and heads of the tree over all commits. */
import {
  type InfiniteData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
  keepPreviousData,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";
import { useSettings } from "../session/settings";
import { type FirstHead, firstHead, rememberHead } from "../session/first_head";
import { answered, gateway } from "./gateway";
import { canHash, isContinued, isSigned } from "./head_proof";
import { useCaller } from "./queries";
import { queryKeys } from "./query_keys";
import type { CommandCount, FoundCommits, LastTreeHead, QueueAt, TreeHead } from "./types";

const PAGE = 100;
const MOST_COUNTS = 200;
/** Jobs of the queue, and those that ran, which are shown at most. */
export const MOST_PLACES = 200;
export const RECENT_HEADS = 10;
const MINUTE_MS = 60_000;

/** What the person may do here; undefined until it is known. */
export interface AuditRights {
  /** Search, see the queue as it was, verify, export. */
  mayAudit: boolean;
  /** Read prompts and files. */
  mayRead: boolean;
  /** Every tenant, and what compares everything. */
  isOperator: boolean;
}

export function useAuditRights(): AuditRights | undefined {
  const caller = useCaller().data;
  if (caller === undefined) return undefined;
  const { scopes, every_tenant } = caller;
  return { mayAudit: scopes.includes("audit"), mayRead: scopes.includes("read"), isOperator: every_tenant && scopes.includes("admin") };
}

/** The commits that a question asks for, page by page. */
export function useFoundCommits(query: string, isOldestFirst: boolean, isAsked: boolean): UseInfiniteQueryResult<InfiniteData<FoundCommits>> {
  return useInfiniteQuery({
    queryKey: queryKeys.foundCommits(query, isOldestFirst),
    queryFn: ({ pageParam, signal }) => {
      const params = { query: { query, limit: PAGE, oldest_first: isOldestFirst, after: pageParam } };
      return answered(gateway.GET("/api/v1/audit/events", { params, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (page) => page.next_position,
    enabled: isAsked,
    placeholderData: keepPreviousData,
  });
}

/** Who sent how many of the commits that a question asks for, by command. */
export function useCommandCounts(query: string, isAsked: boolean): UseQueryResult<CommandCount[]> {
  return useQuery({
    queryKey: queryKeys.commandCounts(query),
    queryFn: async ({ signal }) =>
      (await answered(gateway.GET("/api/v1/audit/commands", { params: { query: { query, limit: MOST_COUNTS } }, signal }))).counts,
    enabled: isAsked,
    placeholderData: keepPreviousData,
  });
}

/** The queue and the fleet at a position or a time; without one now, which is read again and again. */
export function useQueueAt(asOf: string | undefined): UseQueryResult<QueueAt> {
  const seconds = useSettings((state) => state.refreshSeconds);
  return useQuery({
    queryKey: queryKeys.queueAt(asOf),
    queryFn: ({ signal }) => {
      const query = { limit: MOST_PLACES, ...(asOf === undefined ? {} : { as_of: asOf }) };
      return answered(gateway.GET("/api/v1/audit/queue", { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: asOf === undefined && seconds * 1_000,
  });
}

/** What this browser found about the last head. */
export interface HeadCheck {
  first: FirstHead | undefined;
  /** Undefined if the browser cannot check it. */
  isSigned: boolean | undefined;
  relation: "unknown" | "first" | "same" | "continues" | "rewritten" | "other";
}

async function checkedHead(head: TreeHead, signal: AbortSignal): Promise<HeadCheck> {
  if (!canHash()) return { first: firstHead(), isSigned: undefined, relation: "unknown" };
  const isTrue = await isSigned(head);
  const first = firstHead();
  if (first === undefined) {
    // A head that is false is not worth to be remembered.
    return isTrue === false ? { first, isSigned: false, relation: "unknown" } : { first: rememberHead(head), isSigned: isTrue, relation: "first" };
  }
  if (first.origin !== head.origin) return { first, isSigned: isTrue, relation: "other" };
  if (first.size === head.size && first.root === head.root) return { first, isSigned: isTrue, relation: "same" };
  if (head.size < first.size) return { first, isSigned: isTrue, relation: "rewritten" };
  const params = { path: { old_size: first.size }, query: { new_size: head.size } };
  const { hashes } = await answered(gateway.GET("/api/v1/audit/tree/consistency/{old_size}", { params, signal }));
  const isWhole = await isContinued(first.size, first.root, head.size, head.root, hashes);
  return { first, isSigned: isTrue, relation: isWhole ? "continues" : "rewritten" };
}

export interface CheckedHead {
  head: LastTreeHead;
  check: HeadCheck;
}

/** The last head, and what this browser found about it. */
export function useCheckedHead(): UseQueryResult<CheckedHead> {
  return useQuery({
    queryKey: queryKeys.treeHead,
    queryFn: async ({ signal }) => {
      const head = await answered(gateway.GET("/api/v1/audit/tree/head", { signal }));
      return { head, check: await checkedHead(head, signal) };
    },
    refetchInterval: MINUTE_MS,
  });
}

/** The heads before the one with a number, newest first. */
export function useRecentHeads(number: number): UseQueryResult<TreeHead[]> {
  return useQuery({
    queryKey: queryKeys.treeHeads(number),
    queryFn: async ({ signal }) => {
      const query = { after: Math.max(0, number - RECENT_HEADS - 1), limit: RECENT_HEADS };
      const { heads } = await answered(gateway.GET("/api/v1/audit/tree/heads", { params: { query }, signal }));
      return heads.filter((head) => head.number < number).reverse();
    },
    enabled: number > 1,
  });
}
