/** A question before something is done that cannot be undone. The answer that does nothing has the focus. */
import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  question: string;
  isOpen: boolean;
  onYes: () => void;
  onNo: () => void;
  children?: ReactNode;
}

export function Confirm({ question, isOpen, onYes, onNo, children }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Dialog open={isOpen} onClose={onNo} aria-labelledby="question" maxWidth="xs" fullWidth>
      <DialogContent id="question">{question}</DialogContent>
      {children === undefined ? null : <DialogContent sx={{ pt: 0 }}>{children}</DialogContent>}
      <DialogActions>
        {/* eslint-disable-next-line jsx-a11y/no-autofocus -- a dialog has the focus, and Enter must do nothing */}
        <Button autoFocus onClick={onNo}>
          {t("actions.keep")}
        </Button>
        <Button color="error" variant="contained" onClick={onYes}>
          {t("confirm.yes")}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
