/** The question before an action on jobs, with the new priority where the action sets one. */
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { JobAction } from "../api/job_action";
import { PRIORITIES, type Priority } from "../api/types";
import { Choice } from "./choice";
import { Confirm } from "./confirm";

interface Props {
  action: JobAction;
  /** How many jobs it is for; undefined for those of a filter. Few actions on chosen jobs are not asked. */
  count: number | undefined;
  onNo: () => void;
  onYes: (priority: Priority | undefined) => void;
}

export default function ActionQuestion({ action, count, onNo, onYes }: Props): ReactNode {
  const { t } = useTranslation();
  const [priority, setPriority] = useState<Priority>("high");
  const hasPriority = action === "reprioritize";
  return (
    <Confirm
      isOpen
      question={count === undefined || action === "pause" || action === "resume" ? t(`confirm.all.${action}`) : t(`confirm.${action}`, { count })}
      onNo={onNo}
      onYes={() => onYes(hasPriority ? priority : undefined)}
    >
      {hasPriority ? (
        <Choice
          fullWidth
          label={t("fields.priority")}
          value={priority}
          choices={PRIORITIES.map((each) => [each, t(`priority.${each}`)])}
          onChoose={setPriority}
        />
      ) : undefined}
    </Confirm>
  );
}
