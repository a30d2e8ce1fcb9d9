/** The API keys that the server created, for a person who may manage them. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Chip from "@mui/material/Chip";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import Typography from "@mui/material/Typography";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { answered, gateway } from "../../api/gateway";
import { useKeys } from "../../api/queries";
import { queryKeys } from "../../api/query_keys";
import type { ApiKey } from "../../api/types";
import { ErrorLine } from "../../components/error_line";
import { Confirm } from "../../components/confirm";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { en } from "../../i18n/en";
import { useFormats } from "../../text/use_format";

type Scope = ApiKey["scopes"][number];
const SCOPES = Object.keys(en.settings.scope) as (keyof typeof en.settings.scope)[];
const USUAL: readonly Scope[] = ["submit", "read", "cancel"];
const FIELD = { flex: "1 1 180px", maxWidth: { sm: 260 } };

export function ServerKeys(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const queries = useQueryClient();
  const [actor, setActor] = useState("");
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(USUAL);
  const [asked, setAsked] = useState<string>();
  const reload = (): Promise<void> => queries.invalidateQueries({ queryKey: queryKeys.keys });
  const create = useMutation({
    mutationFn: () => answered(gateway.POST("/api/v1/keys", { body: { actor, name, tenant: "", scopes: [...scopes] } })),
    onSuccess: reload,
  });
  const revoke = useMutation({
    mutationFn: (keyId: string) =>
      answered(gateway.DELETE("/api/v1/keys/{key_id}", { params: { path: { key_id: keyId } } })),
    onSuccess: reload,
  });
  const secret = create.data?.secret;

  return (
    <Panel title={t("settings.keys")}>
      <Stack sx={{ gap: 2 }}>
        <Loaded query={useKeys()} lines={1} empty={t("empty.keys")} isEmpty={(keys) => keys.length === 0}>
          {(keys) => (
            <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none", display: "grid", gap: 1.5 }}>
              {keys.map((key) => (
                <Box component="li" key={key.key_id} sx={{ display: "flex", gap: 2, alignItems: "center" }}>
                  <Box sx={{ minWidth: 0, flex: 1 }}>
                    <Typography sx={{ overflowWrap: "anywhere" }}>
                      {key.name || key.key_id} · {t("settings.keyOf", { actor: key.actor, tenant: key.tenant })}
                    </Typography>
                    <Typography variant="body2" color="textSecondary">
                      {[
                        key.scopes.map((scope) => (scope in en.settings.scope ? t(`settings.scope.${scope}`) : scope)).join(", "),
                        key.last_used_at === null ? t("settings.neverUsed") : t("settings.lastUsed", { time: formats.ago(key.last_used_at) }),
                        key.expires_at === null ? "" : t("settings.expires", { time: formats.moment(key.expires_at) }),
                      ]
                        .filter(Boolean)
                        .join(" · ")}
                    </Typography>
                  </Box>
                  <Button size="small" color="error" sx={{ flexShrink: 0 }} aria-label={`${t("settings.revoke")} ${key.name || key.key_id}`} onClick={() => setAsked(key.key_id)}>
                    {t("settings.revoke")}
                  </Button>
                </Box>
              ))}
            </Box>
          )}
        </Loaded>
        {secret === undefined ? null : (
          <Alert
            severity="success"
            action={
              // Missing where the page came over plain HTTP from another machine.
              "clipboard" in navigator ? (
                <Button color="inherit" size="small" onClick={() => void navigator.clipboard.writeText(secret)}>
                  {t("actions.copy")}
                </Button>
              ) : undefined
            }
          >
            {t("settings.secretOnce")}
            <Typography sx={{ fontFamily: "monospace", overflowWrap: "anywhere" }}>{secret}</Typography>
          </Alert>
        )}
        <Typography variant="h3">{t("settings.newKey")}</Typography>
        <Stack direction="row" sx={{ gap: 1.5, flexWrap: "wrap", alignItems: "center" }}>
          <TextField size="small" sx={FIELD} label={t("settings.keyActor")} value={actor} onChange={(event) => setActor(event.target.value)} />
          <TextField size="small" sx={FIELD} label={t("settings.keyName")} value={name} onChange={(event) => setName(event.target.value)} />
          <Stack direction="row" role="group" aria-label={t("settings.scopes")} sx={{ gap: 0.5, flexWrap: "wrap" }}>
            {SCOPES.map((scope) => {
              const isChosen = scopes.includes(scope);
              return (
                <Chip
                  key={scope}
                  size="small"
                  clickable
                  color={isChosen ? "primary" : "default"}
                  variant={isChosen ? "filled" : "outlined"}
                  aria-pressed={isChosen}
                  label={t(`settings.scope.${scope}`)}
                  onClick={() => setScopes(isChosen ? scopes.filter((each) => each !== scope) : [...scopes, scope])}
                />
              );
            })}
          </Stack>
          <Button variant="outlined" disabled={actor === "" || scopes.length === 0} loading={create.isPending} onClick={() => create.mutate()}>
            {t("settings.create")}
          </Button>
        </Stack>
        {create.isError || revoke.isError ? <Alert severity="error"><ErrorLine error={create.error ?? revoke.error} /></Alert> : null}
      </Stack>
      <Confirm
        isOpen={asked !== undefined}
        question={t("settings.revokeAsk", { key: asked ?? "" })}
        onNo={() => setAsked(undefined)}
        onYes={() => {
          if (asked !== undefined) revoke.mutate(asked);
          setAsked(undefined);
        }}
      />
    </Panel>
  );
}
