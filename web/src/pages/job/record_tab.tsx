/** The check of a job's record: hashes, chain, files. It runs when a person asks. */
import Button from "@mui/material/Button";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { pathOf } from "../../api/address";
import { useProof } from "../../api/queries";
import type { JobDetail } from "../../api/types";
import { RecordChecks } from "../../components/record_checks";
import { useSettings } from "../../session/settings";

export default function RecordTab({ job }: { job: JobDetail }): ReactNode {
  const { t } = useTranslation();
  const [isAsked, setAsked] = useState(false);
  const needsKey = useSettings((state) => state.apiKey !== "");
  const proof = useProof(job.job_id, isAsked);
  return (
    <Stack sx={{ gap: 2, alignItems: "flex-start" }}>
      <Typography color="textSecondary">{t("job.verifyHint")}</Typography>
      <Stack direction="row" sx={{ gap: 1 }}>
        <Button
          variant="contained"
          disabled={proof.isFetching}
          onClick={() => (isAsked ? void proof.refetch() : setAsked(true))}
        >
          {proof.isFetching ? t("job.verifying") : t("job.verify")}
        </Button>
        {job.links.manifest === null || needsKey ? null : (
          <Button href={pathOf(job.links.manifest)} target="_blank" rel="noreferrer">
            {t("job.manifest")}
          </Button>
        )}
      </Stack>
      {isAsked ? <RecordChecks proof={proof} /> : null}
    </Stack>
  );
}
