/** What can be done with one job or several: cancel, pause, resume, retry, change the priority, erase. */
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useTranslation } from "react-i18next";
import { type ActionOnJobs, type JobAction, useJobAction } from "../api/job_action";
import { failureOf } from "../api/problem";
import { type JobStatus, PRIORITIES, type Priority } from "../api/types";
import { useNotices } from "../session/notices";
import { shortId } from "../text/format";
import { useErrorText } from "../text/use_error_text";

/** Loaded when something is asked: its dialog and its field would be a tenth of a page. */
const ActionQuestion = lazy(() => import("./action_question"));

/** Failed jobs that a message names. */
const MOST_LINES = 10;

/** Statuses of jobs that an action is for. */
const FITTING: Record<JobAction, readonly JobStatus[]> = {
  cancel: ["queued", "processing"],
  pause: ["queued", "processing"],
  resume: ["queued", "processing"],
  retry: ["failed", "cancelled"],
  reprioritize: ["queued", "processing"],
  erase: ["completed", "failed", "cancelled"],
};
const ACTIONS = Object.keys(FITTING) as JobAction[];
/** Actions on chosen jobs that are not asked first: nothing is lost by them. Those on all jobs of a filter are. */
const UNASKED: readonly JobAction[] = ["pause", "resume"];

interface ActionJob {
  job_id: string;
  status: JobStatus;
  erased: boolean;
  paused_at: string | null;
}

function fits(job: ActionJob, action: JobAction): boolean {
  if (!FITTING[action].includes(job.status) || (action === "erase" && job.erased)) return false;
  return (action !== "pause" || job.paused_at === null) && (action !== "resume" || job.paused_at !== null);
}

type Filter = NonNullable<ActionOnJobs["filter"]>;

/** Return the jobs of a filter that an action is for, but those that have the new priority; undefined if there can be none. */
function fittingFilter(filter: Filter, action: JobAction, priority?: Priority): Filter | undefined {
  const status = FITTING[action].filter((each) => filter.status?.includes(each) ?? true);
  if (status.length === 0) return undefined;
  if (priority === undefined) return { ...filter, status };
  return { ...filter, status, priority: (filter.priority ?? PRIORITIES).filter((each) => each !== priority) };
}

interface Props {
  /** The jobs, in place of a filter. */
  jobs?: readonly ActionJob[] | undefined;
  /** Every job of a filter: the server takes the oldest 1,000 at a time. */
  filter?: Filter | undefined;
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

  const fitting = (each: JobAction): string[] | undefined => jobs?.filter((job) => fits(job, each)).map((job) => job.job_id);

  async function act(each: JobAction, priority: Priority | undefined): Promise<void> {
    setAsked(undefined);
    const jobIds = fitting(each);
    try {
      const answer = await action.mutateAsync({
        action: each,
        ...(jobIds === undefined ? { filter: filter && fittingFilter(filter, each, priority) } : { jobIds }),
        priority,
      });
      const failures = answer.results.filter((result) => !result.ok);
      if (failures.length > 0) {
        const all = answer.succeeded + answer.failed;
        const lines = failures.slice(0, MOST_LINES).map(({ job_id, error }) => {
          const { text, detail } = error === null ? { text: "", detail: "" } : errorText(failureOf(error.status, error));
          return { text: `${shortId(job_id)}: ${text}`, detail };
        });
        show("warning", t("actions.partly", { done: answer.succeeded, all }), { lines });
      } else if (answer.remaining > 0) show("info", t("actions.remaining", { count: answer.succeeded, remaining: answer.remaining }));
      else show("success", t("actions.done", { count: answer.succeeded }));
      onDone?.();
    } catch (error) {
      const { text, detail } = errorText(error);
      show("error", text, { detail });
    }
  }

  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: "wrap" }}>
      {ACTIONS.map((each) => {
        const isPossible =
          jobs === undefined
            ? number > 0 && filter !== undefined && fittingFilter(filter, each) !== undefined
            : (fitting(each)?.length ?? 0) > 0;
        if (!isPossible && number === 1) return null;
        return (
          <Button
            key={each}
            size="small"
            variant="outlined"
            color={each === "erase" ? "error" : "primary"}
            disabled={!isPossible || action.isPending}
            onClick={() => {
              if (jobs !== undefined && UNASKED.includes(each)) void act(each, undefined);
              else setAsked(each);
            }}
          >
            {t(`actions.${each}`)}
          </Button>
        );
      })}
      {asked === undefined ? null : (
        <Suspense>
          <ActionQuestion
            action={asked}
            count={fitting(asked)?.length}
            onNo={() => setAsked(undefined)}
            onYes={(priority) => void act(asked, priority)}
          />
        </Suspense>
      )}
    </Stack>
  );
}
