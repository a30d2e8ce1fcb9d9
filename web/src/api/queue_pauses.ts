/** The pauses of the queue, and what operators do with them. */
import { type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSettings } from "../session/settings";
import { answered, gateway } from "./gateway";
import { PAUSE_ALARM, useAlarms, useCaller } from "./queries";
import { queryKeys } from "./query_keys";
import type { Priority, QueuePause } from "./types";

interface QueueAction {
  what: "pause" | "resume";
  /** Missing for the whole queue; in place of one priority, for all pauses. */
  priority?: Priority | undefined;
  reason?: string | undefined;
}

/** Return whether the person may pause the queue, which is that of all tenants. */
export function useIsOperator(): boolean {
  const caller = useCaller().data;
  return caller !== undefined && caller.every_tenant && caller.scopes.includes("admin");
}

/** The pauses that stand. They are read while the alarm says that there are some. */
export function useQueuePauses(): UseQueryResult<QueuePause[]> {
  const isPaused = useAlarms().data?.some(({ name }) => name === PAUSE_ALARM) ?? false;
  const seconds = useSettings((state) => state.refreshSeconds);
  return useQuery({
    queryKey: queryKeys.queuePauses,
    queryFn: async ({ signal }) => (await answered(gateway.GET("/api/v1/queue", { signal }))).pauses,
    enabled: isPaused,
    refetchInterval: isPaused && seconds * 1_000,
  });
}

export function useQueueAction(): UseMutationResult<QueuePause[], Error, QueueAction> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ what, priority, reason }) => {
      const body = { ...(priority === undefined ? {} : { priority }), ...(reason ? { reason } : {}) };
      const { pauses } = await answered(
        what === "pause" ? gateway.POST("/api/v1/queue/pause", { body }) : gateway.POST("/api/v1/queue/resume", { body }),
      );
      return pauses;
    },
    onSuccess: (pauses) => {
      queries.setQueryData(queryKeys.queuePauses, pauses);
      void queries.invalidateQueries({ queryKey: queryKeys.alarms });
    },
  });
}
