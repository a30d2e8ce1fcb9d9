/** What can be done with one job or several: cancel, retry, change the priority, erase. Each is asked first. */
import Button from "@mui/material/Button";
import MenuItem from "@mui/material/MenuItem";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ActionOnJobs, type JobAction, useJobAction } from "../api/queries";
import { type JobStatus, PRIORITIES, type Priority } from "../api/types";
import { useNotices } from "../session/notices";
import { useErrorText } from "../text/use_error_text";
import { Confirm } from "./confirm";

/** Statuses of jobs that an action is for. */
const FITTING: Record<JobAction, readonly JobStatus[]> = {
  cancel: ["queued", "processing"],
  retry: ["failed", "cancelled"],
  reprioritize: ["queued", "processing"],
  erase: ["completed", "failed", "cancelled"],
};
const ACTIONS = Object.keys(FITTING) as JobAction[];

interface Props {
  /** The jobs, in place of a filter. */
  jobs?: readonly { job_id: string; status: JobStatus; erased: boolean }[];
  filter?: ActionOnJobs["filter"];
  /** How many jobs there are. */
  number: number;
  onDone?: () => void;
}

export function JobActions({ jobs, filter, number, onDone }: Props): ReactNode {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const show = useNotices((state) => state.show);
  const action = useJobAction();
  const [asked, setAsked] = useState<JobAction>();
  const [priority, setPriority] = useState<Priority>("high");

  const fitting = (each: JobAction): string[] | undefined =>
    jobs?.filter((job) => FITTING[each].includes(job.status) && !(each === "erase" && job.erased)).map((job) => job.job_id);

  async function act(each: JobAction): Promise<void> {
    setAsked(undefined);
    const jobIds = fitting(each);
    try {
      const answer = await action.mutateAsync({
        action: each,
        ...(jobIds === undefined ? { filter } : { jobIds }),
        priority: each === "reprioritize" ? priority : undefined,
      });
      const failure = answer.results.find((result) => !result.ok)?.error;
      if (failure) {
        const all = answer.succeeded + answer.failed;
        show("warning", t("actions.partly", { done: answer.succeeded, all, error: failure.detail }));
      } else show("success", t("actions.done", { count: answer.succeeded }));
      onDone?.();
    } catch (error) {
      show("error", errorText(error));
    }
  }

  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
      {ACTIONS.map((each) => {
        const isPossible = number > 0 && (fitting(each)?.length ?? 1) > 0;
        if (!isPossible && number === 1) return null;
        return (
          <Button
            key={each}
            size="small"
            variant="outlined"
            color={each === "erase" ? "error" : "primary"}
            disabled={!isPossible || action.isPending}
            onClick={() => setAsked(each)}
          >
            {t(`actions.${each}`)}
          </Button>
        );
      })}
      <Confirm
        isOpen={asked !== undefined}
        question={asked === undefined ? "" : t(`confirm.${asked}`, { count: fitting(asked)?.length ?? number })}
        onNo={() => setAsked(undefined)}
        onYes={() => {
          if (asked !== undefined) void act(asked);
        }}
      >
        {asked === "reprioritize" ? (
          <TextField
            select
            fullWidth
            size="small"
            label={t("fields.priority")}
            value={priority}
            onChange={(event) => setPriority(event.target.value as Priority)}
          >
            {PRIORITIES.map((each) => (
              <MenuItem key={each} value={each}>
                {t(`priority.${each}`)}
              </MenuItem>
            ))}
          </TextField>
        ) : undefined}
      </Confirm>
    </Stack>
  );
}
