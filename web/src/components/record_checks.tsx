/** The checks of a job's record, each with its result and what was found. */
import Alert from "@mui/material/Alert";
import Box from "@mui/material/Box";
import Typography from "@mui/material/Typography";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Proof } from "../api/types";
import { Loaded } from "./loaded";
import { ServerText } from "./server_text";

interface ListProps {
  checks: readonly {
    name: string;
    holds: boolean;
    /** A sentence of the server. */
    detail: string;
  }[];
}

export function CheckList({ checks }: ListProps): ReactNode {
  const { t } = useTranslation();
  return (
    <Box component="ul" sx={{ p: 0, m: 0, mt: 2, listStyle: "none", display: "grid", gap: 1 }}>
      {checks.map((check) => (
        <Box component="li" key={check.name}>
          <Typography color={check.holds ? "success" : "error"}>
            <span aria-hidden>{check.holds ? "✓" : "✖"} </span>
            {check.name}: {check.holds ? t("job.holds") : t("job.fails")}
          </Typography>
          <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
            <ServerText>{check.detail}</ServerText>
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

export function RecordChecks({ proof }: { proof: UseQueryResult<Proof> }): ReactNode {
  const { t } = useTranslation();
  return (
    <Loaded query={proof} lines={6}>
      {({ valid, checks }) => (
        <Box sx={{ width: "100%" }}>
          <Alert severity={valid ? "success" : "error"}>{valid ? t("job.valid") : t("job.broken")}</Alert>
          <CheckList checks={checks} />
        </Box>
      )}
    </Loaded>
  );
}
