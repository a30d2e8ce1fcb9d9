/** What concerns every page: no connection, a refused key, alarms of the service. */
import Alert from "@mui/material/Alert";
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { isKeyRefused } from "../api/problem";
import { PAUSE_ALARM, useAlarms, useCaller } from "../api/queries";
import { useQueuePauses } from "../api/queue_pauses";
import { ServerText } from "../components/server_text";
import { useReconnect } from "../live/live_updates";
import { useLiveState } from "../live/live_store";
import { useSettings } from "../session/settings";
import { QueuePauses } from "./queue_pauses";

/** A connection that is back within this time is not worth a banner. */
const PATIENCE_MS = 2_000;
const MOST_ALARMS = 4;

function useIsLate(isWaiting: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(isWaiting), isWaiting ? PATIENCE_MS : 0);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isLate && isWaiting;
}

export function Banners(): ReactNode {
  const { t } = useTranslation();
  const state = useLiveState();
  const reconnect = useReconnect();
  const hasKey = useSettings((each) => each.apiKey !== "");
  const seconds = useSettings((each) => each.refreshSeconds);
  const isDisconnected = useIsLate(state === "connecting");
  const caller = useCaller();
  const alarms = useAlarms();
  const isRefused = state === "refused" || (caller.isError && isKeyRefused(caller.error));
  const pauses = useQueuePauses().data;
  // The pauses say more than their alarm, which comes and goes a moment later than they do.
  const shown = (alarms.data ?? []).filter(({ name }) => name !== PAUSE_ALARM || pauses === undefined);
  const named = new Map(shown.map((alarm) => [alarm.name, alarm]));
  return (
    <Stack aria-live="polite" sx={{ "& .MuiAlert-root": { borderRadius: 0 } }}>
      {isRefused ? (
        <Alert
          severity="error"
          action={
            <Button component={Link} to="/settings" color="inherit" size="small">
              {t("live.enterKey")}
            </Button>
          }
        >
          {hasKey ? t("live.refused") : t("live.noKey")}
        </Alert>
      ) : null}
      {!isRefused && (isDisconnected || state === "paused") ? (
        <Alert
          severity="warning"
          action={
            <Button color="inherit" size="small" onClick={reconnect}>
              {t("live.reconnect")}
            </Button>
          }
        >
          {state === "paused" ? t("live.paused", { seconds }) : t("live.connecting", { seconds })}
        </Alert>
      ) : null}
      <QueuePauses pauses={pauses ?? []} />
      {[...named.values()].slice(0, MOST_ALARMS).map((alarm) => (
        <Alert key={alarm.name} severity={alarm.severity === "refuse_writes" ? "error" : "warning"}>
          <ServerText>{alarm.text}</ServerText>
        </Alert>
      ))}
    </Stack>
  );
}
