/** Short messages. They stand at the bottom edge, above nothing that is worked with, and go by themselves. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { ErrorWords } from "../components/error_words";
import { type Notice, useNotices } from "../session/notices";

const SHOWN_MS = 6_000;
const LONG_SHOWN_MS = 30_000;

function NoticeLine({ notice }: { notice: Notice }): ReactNode {
  const { t } = useTranslation();
  const dismiss = useNotices((state) => state.dismiss);
  useEffect(() => {
    const isLong = notice.kind === "error" || notice.lines !== undefined;
    const timer = setTimeout(() => dismiss(notice.id), isLong ? LONG_SHOWN_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice, dismiss]);
  return (
    <Alert
      severity={notice.kind}
      variant="standard"
      onClose={() => dismiss(notice.id)}
      slotProps={{ closeButton: { "aria-label": t("layout.dismiss") } }}
      sx={{ boxShadow: 4, pointerEvents: "auto" }}
      {...(notice.link === undefined
        ? {}
        : {
            action: (
              <Button component={Link} to={notice.link} color="inherit" size="small" onClick={() => dismiss(notice.id)}>
                {t("actions.open")}
              </Button>
            ),
          })}
    >
      <ErrorWords text={notice.text} detail={notice.detail ?? ""} />
      {notice.lines === undefined ? null : (
        <Box component="ul" sx={{ m: 0, pl: 2.5, maxHeight: 200, overflow: "auto" }}>
          {notice.lines.map((line) => (
            <li key={line.text + line.detail}>
              <ErrorWords {...line} />
            </li>
          ))}
        </Box>
      )}
    </Alert>
  );
}

export function Notices(): ReactNode {
  const notices = useNotices((state) => state.notices);
  return (
    <Stack
      role="status"
      sx={{ position: "fixed", bottom: 16, right: 16, left: { xs: 16, sm: "auto" }, gap: 1, zIndex: "snackbar", maxWidth: 480, pointerEvents: "none" }}
    >
      {notices.map((notice) => (
        <NoticeLine key={notice.id} notice={notice} />
      ))}
    </Stack>
  );
}
