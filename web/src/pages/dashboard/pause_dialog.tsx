/** The question before the queue is paused: all of it or one priority, and why. */
import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useQueueAction } from "../../api/queue_pauses";
import { PRIORITIES, type Priority } from "../../api/types";
import { Choice } from "../../components/choice";
import { ErrorLine } from "../../components/error_line";

const LONGEST_REASON = 200;

export default function PauseDialog({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const action = useQueueAction();
  const [priority, setPriority] = useState<Priority | "">("");
  const [reason, setReason] = useState("");
  const isLong = Array.from(reason).length > LONGEST_REASON;
  return (
    <Dialog open onClose={onClose} aria-labelledby="pause-title" maxWidth="xs" fullWidth>
      <DialogTitle id="pause-title">{t("queue.pause")}</DialogTitle>
      <DialogContent>
        <Stack
          component="form"
          id="pause-form"
          noValidate
          sx={{ gap: 2, pt: 1 }}
          onSubmit={(event) => {
            event.preventDefault();
            if (!isLong) action.mutate({ what: "pause", priority: priority || undefined, reason: reason.trim() }, { onSuccess: onClose });
          }}
        >
          <Typography>{t("queue.pauseHint")}</Typography>
          <Choice
            fullWidth
            label={t("queue.what")}
            value={priority}
            slotProps={{ inputLabel: { shrink: true }, select: { displayEmpty: true } }}
            choices={[["", t("queue.whole")], ...PRIORITIES.map((each) => [each, t(`priority.${each}`)] as const)]}
            onChoose={setPriority}
          />
          <TextField
            fullWidth
            size="small"
            label={t("queue.reason")}
            value={reason}
            error={isLong}
            helperText={isLong ? t("generate.tooLong", { most: LONGEST_REASON }) : t("queue.reasonHint")}
            onChange={(event) => setReason(event.target.value)}
          />
          {action.error === null ? null : <ErrorLine error={action.error} />}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>{t("actions.keep")}</Button>
        <Button type="submit" form="pause-form" variant="contained" loading={action.isPending}>
          {t("actions.pause")}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
