/** An action on jobs. */
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { answered, gateway } from "./gateway";
import type { paths } from "./rest_types";
import type { BulkResponse, Priority } from "./types";

type BulkRequest = paths["/api/v1/bulk"]["post"]["requestBody"]["content"]["application/json"];

export type JobAction = "cancel" | "pause" | "resume" | "retry" | "reprioritize" | "erase";
export interface ActionOnJobs {
  action: JobAction;
  jobIds?: readonly string[];
  /** Every job of this filter, in place of ids. */
  filter?: BulkRequest["filter"];
  priority?: Priority | undefined;
}

/** Carries out one action for some jobs. The answer has a result for each of them. */
export function useJobAction(): UseMutationResult<BulkResponse, Error, ActionOnJobs> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ action, jobIds, filter, priority }) =>
      answered(
        gateway.POST("/api/v1/bulk", {
          body: {
            action,
            ...(jobIds === undefined ? {} : { job_ids: [...jobIds] }),
            ...(filter === undefined ? {} : { filter }),
            ...(priority === undefined ? {} : { priority }),
          },
        }),
      ),
    onSettled: () => void queries.invalidateQueries(), // what is shown follows: the action does not wait for it
  });
}
