/** The comparison of everything that is stored, for operators: it is started here, with how far it is and what differs first. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import LinearProgress from "@mui/material/LinearProgress";
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { ComparedPart, FileCheck, Verification } from "../../api/types";
import { useVerificationAction, useVerifications } from "../../api/verifications";
import { Choice } from "../../components/choice";
import { ErrorLine } from "../../components/error_line";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { ServerText } from "../../components/server_text";
import { shortId } from "../../text/format";
import { useFormats } from "../../text/use_format";

const FILES: readonly FileCheck[] = ["none", "sizes", "hashes"];

function Part({ part }: { part: ComparedPart }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  return (
    <Box component="li" sx={{ minWidth: 0 }}>
      <Typography color={part.holds ? "success" : "error"}>
        <span aria-hidden>{part.holds ? "✓" : "✖"} </span>
        <ServerText>{part.name}</ServerText>: {part.holds ? t("audit.isSame") : t("audit.differs")}
        <Typography component="span" variant="body2" color="textSecondary">
          {" "}
          ({formats.count(part.count)})
        </Typography>
      </Typography>
      {part.holds ? null : (
        <Typography variant="body2" sx={{ overflowWrap: "anywhere" }}>
          {part.position === null ? null : (
            <>
              <MuiLink component={Link} to={`/audit?q=position%3D${part.position}`}>
                {t("audit.atPosition", { position: formats.count(part.position) })}
              </MuiLink>
              {" · "}
            </>
          )}
          {part.job_id === null ? null : (
            <>
              <MuiLink component={Link} to={`/jobs/${part.job_id}`}>
                {t("pages.job", { job: shortId(part.job_id) })}
              </MuiLink>
              {" · "}
            </>
          )}
          <ServerText>{part.detail}</ServerText>
        </Typography>
      )}
    </Box>
  );
}

function Result({ made }: { made: Verification }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const by = t("audit.startedBy", { actor: made.started_by, time: formats.moment(made.started_at) });

  switch (made.state) {
    case "running": {
      const { progress } = made;
      const percent = progress === null || progress.all_commits === 0 ? undefined : (100 * progress.commits) / progress.all_commits;
      return (
        <Box role="status">
          <LinearProgress
            aria-label={t("audit.comparing")}
            {...(percent === undefined ? {} : { variant: "determinate", value: Math.min(100, percent) })}
            sx={{ mb: 1 }}
          />
          <Typography variant="body2" color="textSecondary">
            {progress === null
              ? t("audit.notBegun")
              : t("audit.compared", { commits: formats.count(progress.commits), all: formats.count(progress.all_commits) })}
            {" · "}
            {by}
          </Typography>
        </Box>
      );
    }
    case "cancelled":
      return <Alert severity="info">{t("audit.cancelledBy", { actor: made.cancelled_by })} {by}</Alert>;
    case "failed":
      return (
        <Alert severity="warning">
          {t("audit.notCompared")} <ServerText>{made.failure}</ServerText> {by}
        </Alert>
      );
    default:
      return (
        <>
          <Alert severity={made.state === "differs" ? "error" : "success"}>
            {made.state === "differs" ? t("audit.somethingDiffers") : t("audit.nothingDiffers")}{" "}
            {t("audit.upTo", { position: formats.count(made.position), time: formats.length(made.seconds) })} {by}
          </Alert>
          <Box component="ul" sx={{ p: 0, m: 0, mt: 2, listStyle: "none", display: "grid", gap: 1, gridTemplateColumns: { xs: "minmax(0, 1fr)", md: "repeat(2, minmax(0, 1fr))" } }}>
            {made.parts.map((part) => (
              <Part key={part.name} part={part} />
            ))}
          </Box>
        </>
      );
  }
}

/** What became of an earlier comparison, in a line. */
function Earlier({ made }: { made: Verification }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const first = made.parts.find((part) => !part.holds);
  return (
    <Box component="li" sx={{ py: 0.75, borderTop: 1, borderColor: "divider" }}>
      <Typography color={made.state === "differs" ? "error" : "textPrimary"} sx={{ overflowWrap: "anywhere" }}>
        {t(`audit.verificationState.${made.state}`)}
        {first === undefined ? null : (
          <>
            : <ServerText>{`${first.name}, ${first.detail}`}</ServerText>
          </>
        )}
      </Typography>
      <Typography variant="body2" color="textSecondary">
        {t("audit.startedBy", { actor: made.started_by, time: formats.moment(made.started_at) })}
        {made.position === 0 ? null : ` · ${t("audit.found", { count: made.position })}`}
      </Typography>
    </Box>
  );
}

export function VerifyAll(): ReactNode {
  const { t } = useTranslation();
  const [files, setFiles] = useState<FileCheck>("sizes");
  const made = useVerifications();
  const action = useVerificationAction();
  const running = made.data?.find(({ state }) => state === "running");

  return (
    <Panel title={t("audit.everything")}>
      <Stack sx={{ gap: 2 }}>
        <Typography variant="body2" color="textSecondary">
          {t("audit.everythingHint")}
        </Typography>
        <Stack direction="row" sx={{ gap: 1.5, flexWrap: "wrap", alignItems: "center" }}>
          <Choice
            label={t("audit.files")}
            value={files}
            sx={{ minWidth: 220 }}
            choices={FILES.map((each) => [each, t(`audit.filesBy.${each}`)])}
            onChoose={setFiles}
          />
          {running === undefined ? (
            <Button variant="contained" disabled={action.isPending || !made.isSuccess} onClick={() => action.mutate({ start: files })}>
              {t("audit.compare")}
            </Button>
          ) : (
            <Button variant="outlined" color="error" disabled={action.isPending} onClick={() => action.mutate({ cancel: running.verification_id })}>
              {t("audit.stop")}
            </Button>
          )}
        </Stack>
        {action.error === null ? null : (
          <Alert severity="error">
            <ErrorLine error={action.error} />
          </Alert>
        )}
        <Loaded query={made} lines={3} empty={t("audit.neverCompared")} isEmpty={(all) => all.length === 0}>
          {([last, ...earlier]) => (
            <Stack sx={{ gap: 2 }}>
              {last === undefined ? null : <Result made={last} />}
              {earlier.length === 0 ? null : (
                <Box>
                  <Typography variant="h3" sx={{ mb: 1 }}>
                    {t("audit.earlierComparisons")}
                  </Typography>
                  <Box component="ul" sx={{ m: 0, p: 0, listStyle: "none" }}>
                    {earlier.map((each) => (
                      <Earlier key={each.verification_id} made={each} />
                    ))}
                  </Box>
                </Box>
              )}
            </Stack>
          )}
        </Loaded>
      </Stack>
    </Panel>
  );
}
