/** The schedules of the tenant, and what can be done with one. */
import { type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSettings } from "../session/settings";
import { answered, gateway } from "./gateway";
import type { Reading } from "./queries";
import { queryKeys } from "./query_keys";
import type { Schedule } from "./types";

interface ScheduleAction {
  what: "pause" | "resume" | "delete";
  scheduleId: string;
}

export const SCHEDULES_READING: Reading<Schedule[]> = {
  queryKey: queryKeys.schedules,
  queryFn: async ({ signal }) => (await answered(gateway.GET("/api/v1/schedules", { signal }))).schedules,
};

/** Live updates tell nothing of schedules: they are read again every few seconds. */
export function useSchedules(): UseQueryResult<Schedule[]> {
  const seconds = useSettings((state) => state.refreshSeconds);
  return useQuery({ ...SCHEDULES_READING, refetchInterval: seconds * 1_000 });
}

/** Carries out an action, and reads the schedules again. */
export function useScheduleAction(): UseMutationResult<unknown, Error, ScheduleAction> {
  const queries = useQueryClient();
  return useMutation<unknown, Error, ScheduleAction>({
    mutationFn: ({ what, scheduleId }) => {
      const params = { path: { schedule_id: scheduleId } };
      switch (what) {
        case "pause":
          return answered(gateway.POST("/api/v1/schedules/{schedule_id}/pause", { params }));
        case "resume":
          return answered(gateway.POST("/api/v1/schedules/{schedule_id}/resume", { params }));
        case "delete":
          return answered(gateway.DELETE("/api/v1/schedules/{schedule_id}", { params }));
      }
    },
    onSettled: () => void queries.invalidateQueries({ queryKey: queryKeys.schedules }), // what is shown follows: the action does not wait for it
  });
}
