/** The check of a job's record, and for operators the comparison of everything. */
import Button from "@mui/material/Button";
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import TextField from "@mui/material/TextField";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useProof } from "../../api/queries";
import { Panel } from "../../components/panel";
import { RecordChecks } from "../../components/record_checks";
import { JOB_ID } from "../../text/format";
import type { TabProps } from "./audit_search";
import { VerifyAll } from "./verify_all";

function VerifyOne({ search, onChange }: Omit<TabProps, "rights">): ReactNode {
  const { t } = useTranslation();
  const [text, setText] = useState(search.job);
  const [isWrong, setWrong] = useState(false);
  const proof = useProof(search.job, search.job !== "");

  return (
    <Panel title={t("audit.ofJob")}>
      <Stack sx={{ gap: 2 }}>
        <Stack
          component="form"
          direction="row"
          sx={{ gap: 1.5, alignItems: "flex-start", flexWrap: { xs: "wrap", sm: "nowrap" } }}
          onSubmit={(event) => {
            event.preventDefault();
            const job = text.trim().toLowerCase();
            setWrong(!JOB_ID.test(job));
            if (!JOB_ID.test(job)) return;
            if (job === search.job) void proof.refetch();
            else onChange({ job });
          }}
        >
          <TextField
            fullWidth
            size="small"
            label={t("fields.job")}
            value={text}
            error={isWrong}
            helperText={isWrong ? t("audit.badJob") : t("job.verifyHint")}
            slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: "none", autoComplete: "off", style: { fontFamily: "monospace" } } }}
            onChange={(event) => setText(event.target.value)}
          />
          <Button type="submit" variant="contained" disabled={proof.isFetching} sx={{ flexShrink: 0, minHeight: 40 }}>
            {proof.isFetching ? t("job.verifying") : t("job.verify")}
          </Button>
        </Stack>
        {search.job === "" ? null : (
          <>
            <RecordChecks proof={proof} />
            <MuiLink component={Link} to={`/jobs/${search.job}`} sx={{ alignSelf: "flex-start" }}>
              {t("audit.openJob")}
            </MuiLink>
          </>
        )}
      </Stack>
    </Panel>
  );
}

export default function VerifyTab({ search, rights, onChange }: TabProps): ReactNode {
  return (
    <Stack sx={{ gap: 2 }}>
      <VerifyOne search={search} onChange={onChange} />
      {rights.isOperator ? <VerifyAll /> : null}
    </Stack>
  );
}
