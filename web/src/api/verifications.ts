/** Comparisons of everything that is stored, for operators. */
import { type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answered, gateway } from "./gateway";
import { queryKeys } from "./query_keys";
import type { FileCheck, Verification } from "./types";

/** Comparisons that are shown: the last one, and some before it. */
const SHOWN = 10;
const RUNNING_MS = 1_000;
const MINUTE_MS = 60_000;

/** The last comparisons, newest first. While one goes on they are read each second: no live update tells of it. */
export function useVerifications(): UseQueryResult<Verification[]> {
  return useQuery({
    queryKey: queryKeys.verifications,
    queryFn: async ({ signal }) =>
      (await answered(gateway.GET("/api/v1/audit/verifications", { params: { query: { limit: SHOWN } }, signal }))).verifications,
    refetchInterval: ({ state }) => (state.data?.[0]?.state === "running" ? RUNNING_MS : MINUTE_MS),
  });
}

/** Starts a comparison, or cancels the one with an id, and reads them again. */
export function useVerificationAction(): UseMutationResult<Verification, Error, { start: FileCheck } | { cancel: string }> {
  const queries = useQueryClient();
  return useMutation<Verification, Error, { start: FileCheck } | { cancel: string }>({
    mutationFn: (action) =>
      "start" in action
        ? answered(gateway.POST("/api/v1/audit/verifications", { body: { files: action.start } }))
        : answered(gateway.POST("/api/v1/audit/verifications/{verification_id}/cancel", { params: { path: { verification_id: action.cancel } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: queryKeys.verifications }), // what is shown follows: the action does not wait for it
  });
}
