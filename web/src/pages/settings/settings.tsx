/** What a person chooses: theme, language, refresh, notifications, API key. And the keys of the server. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import FormControlLabel from "@mui/material/FormControlLabel";
import Grid from "@mui/material/Grid";
import Stack from "@mui/material/Stack";
import Switch from "@mui/material/Switch";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { isKeyRefused } from "../../api/problem";
import { useCaller } from "../../api/queries";
import { ErrorLine } from "../../components/error_line";
import { Choice } from "../../components/choice";
import { Confirm } from "../../components/confirm";
import { PageHeading } from "../../components/page_heading";
import { Panel } from "../../components/panel";
import { useRetryRefused } from "../../live/live_updates";
import { useNotices } from "../../session/notices";
import { type Choices, DEFAULTS, LANGUAGES, settings, useSettings } from "../../session/settings";
import { About } from "./about";
import { ServerKeys } from "./server_keys";

const THEMES = ["system", "light", "dark"] as const;
const LEAST_SECONDS = 2;
const MOST_SECONDS = 600;

function choicesOf(state: Choices): Choices {
  const { theme, language, isRefreshed, refreshSeconds, notifications, jobsView, pageSize, apiKey } = state;
  return { theme, language, isRefreshed, refreshSeconds, notifications, jobsView, pageSize, apiKey };
}

export default function Settings(): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const show = useNotices((state) => state.show);
  const stored = useSettings((state) => state);
  const [draft, setDraft] = useState<Choices>(() => choicesOf(stored));
  const [seconds, setSeconds] = useState(String(stored.refreshSeconds));
  const [isDenied, setDenied] = useState(false);
  const [isResetAsked, setResetAsked] = useState(false);
  const caller = useCaller();
  const retryRefused = useRetryRefused();
  const areSecondsValid = Number(seconds) >= LEAST_SECONDS && Number(seconds) <= MOST_SECONDS;

  function change(part: Partial<Choices>): void {
    setDraft({ ...draft, ...part });
  }

  function store(choices: Choices): void {
    const isOtherKey = choices.apiKey !== settings.getState().apiKey;
    settings.getState().change(choices);
    setDraft(choices);
    setSeconds(String(choices.refreshSeconds));
    const isTriedAgain = !isOtherKey && (retryRefused() || isKeyRefused(caller.error));
    // What another key could read is forgotten, and what a refused one could not is read again.
    if (isOtherKey || isTriedAgain) void queries.resetQueries();
    show("success", t("settings.saved"));
  }

  async function allowNotifications(isOn: boolean): Promise<void> {
    change({ notifications: isOn });
    if (!isOn || !("Notification" in window)) return;
    setDenied((await Notification.requestPermission()) !== "granted");
  }

  return (
    <Box
      component="form"
      onSubmit={(event) => {
        event.preventDefault();
        if (areSecondsValid) store({ ...draft, apiKey: draft.apiKey.trim(), refreshSeconds: Number(seconds) });
      }}
    >
      <PageHeading title={t("pages.settings")}>
        <Stack direction="row" sx={{ gap: 1 }}>
          <Button onClick={() => setResetAsked(true)}>{t("actions.reset")}</Button>
          <Button type="submit" variant="contained">
            {t("actions.save")}
          </Button>
        </Stack>
      </PageHeading>
      <Grid container spacing={2}>
        <Grid size={{ xs: 12, md: 6 }}>
          <Panel title={t("settings.appearance")}>
            <Stack sx={{ gap: 2 }}>
              <Choice
                label={t("settings.theme")}
                value={draft.theme}
                choices={THEMES.map((theme) => [theme, t(`settings.themeOf.${theme}`)])}
                onChoose={(theme) => change({ theme })}
              />
              <Choice
                label={t("settings.language")}
                value={draft.language || "browser"}
                choices={(["browser", ...LANGUAGES] as const).map((language) => [language, t(`settings.languageOf.${language}`)])}
                onChoose={(language) => change({ language: language === "browser" ? "" : language })}
              />
            </Stack>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, md: 6 }}>
          <Panel title={t("settings.updates")}>
            <Stack sx={{ gap: 2 }}>
              <FormControlLabel
                control={<Switch checked={draft.isRefreshed} onChange={(event) => change({ isRefreshed: event.target.checked })} />}
                label={t("settings.isRefreshed")}
              />
              <TextField
                size="small"
                label={t("settings.refresh")}
                value={seconds}
                error={!areSecondsValid}
                helperText={
                  areSecondsValid
                    ? t("settings.refreshHint")
                    : t("generate.range", { least: LEAST_SECONDS, most: MOST_SECONDS })
                }
                slotProps={{ htmlInput: { inputMode: "numeric" } }}
                onChange={(event) => setSeconds(event.target.value)}
              />
              <FormControlLabel
                control={
                  <Switch checked={draft.notifications} onChange={(event) => void allowNotifications(event.target.checked)} />
                }
                label={t("settings.notifications")}
              />
              {isDenied ? <Alert severity="info">{t("settings.denied")}</Alert> : null}
            </Stack>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, md: 6 }}>
          <Panel title={t("settings.access")}>
            <Stack sx={{ gap: 2 }}>
              <TextField
                size="small"
                type="password"
                autoComplete="off"
                label={t("settings.apiKey")}
                value={draft.apiKey}
                helperText={t("settings.apiKeyHint")}
                onChange={(event) => change({ apiKey: event.target.value })}
              />
              {caller.isError ? <Alert severity="error"><ErrorLine error={caller.error} /></Alert> : null}
              {caller.data === undefined ? null : (
                <Typography color="textSecondary">
                  {caller.data.every_tenant
                    ? t("settings.callerOfAll", { actor: caller.data.actor })
                    : t("settings.callerIs", { actor: caller.data.actor, tenant: caller.data.tenant })}
                </Typography>
              )}
            </Stack>
          </Panel>
        </Grid>
        <Grid size={{ xs: 12, md: 6 }}>
          <Panel title={t("settings.about")}>
            <About />
          </Panel>
        </Grid>
        {caller.data?.scopes.includes("admin") ? (
          <Grid size={12}>
            <ServerKeys />
          </Grid>
        ) : null}
      </Grid>
      <Confirm
        isOpen={isResetAsked}
        question={t("settings.resetAsk")}
        onNo={() => setResetAsked(false)}
        onYes={() => {
          setResetAsked(false);
          store(DEFAULTS);
        }}
      />
    </Box>
  );
}
