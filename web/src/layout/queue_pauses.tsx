/** What is paused of the queue: since when, by whom and why. Operators end a pause here. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { useIsOperator, useQueueAction } from "../api/queue_pauses";
import { PRIORITIES, type QueuePause } from "../api/types";
import { useNotices } from "../session/notices";
import { useErrorText } from "../text/use_error_text";
import { useFormats } from "../text/use_format";

function Pause({ pause }: { pause: QueuePause }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const errorText = useErrorText();
  const show = useNotices((state) => state.show);
  const action = useQueueAction();
  const isOperator = useIsOperator();
  const textId = useId();
  const priority = PRIORITIES.find((each) => each === pause.priority);
  const what = priority === undefined ? t("queue.isPaused") : t("queue.isPausedFor", { priority: t(`priority.${priority}`) });
  const time = formats.moment(pause.paused_at);
  const since = pause.paused_by === "" ? t("queue.since", { time }) : t("queue.sinceBy", { time, actor: pause.paused_by });

  function resume(): void {
    action.mutate(
      { what: "resume", ...(priority === undefined ? {} : { priority }) },
      {
        onError: (error) => {
          const { text, detail } = errorText(error);
          show("error", text, { detail });
        },
      },
    );
  }

  return (
    <Alert
      severity="warning"
      action={
        isOperator ? (
          <Button color="inherit" size="small" loading={action.isPending} aria-describedby={textId} onClick={resume}>
            {priority === undefined ? t("queue.resumeAll") : t("actions.resume")}
          </Button>
        ) : undefined
      }
    >
      <span id={textId}>
        {what} {since}
        {pause.reason === "" ? null : (
          <>
            {" "}
            <bdi>{t("queue.reasonIs", { reason: pause.reason })}</bdi>
          </>
        )}
      </span>
    </Alert>
  );
}

export function QueuePauses({ pauses }: { pauses: readonly QueuePause[] }): ReactNode {
  return pauses.map((pause) => <Pause key={pause.priority ?? ""} pause={pause} />);
}
