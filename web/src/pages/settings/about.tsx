/** The versions of kinolog and of its workers' libraries, and what the person's tenant uses. */
import MuiLink from "@mui/material/Link";
import Stack from "@mui/material/Stack";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { pathOf } from "../../api/address";
import { useUsage, useWorkers } from "../../api/queries";
import { FactList } from "../../components/fact_list";
import { useFormats } from "../../text/use_format";

/** Libraries whose versions people ask for. */
const LIBRARIES = ["torch", "diffusers", "transformers", "python"];

export function About(): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const usage = useUsage().data;
  const workers = useWorkers().data ?? [];
  const versions = LIBRARIES.flatMap((name) => {
    const found = [...new Set(workers.map((worker) => worker.libraries[name]).filter((version) => version !== undefined))];
    return found.length > 0 ? [[name, found.join(", ")] as const] : [];
  });
  const ofLimit = (used: number, limit: number | null, text: (number: number) => string): string =>
    limit === null ? text(used) : t("settings.ofLimit", { used: text(used), limit: text(limit) });
  return (
    <Stack sx={{ gap: 2, minHeight: 190 }}>
      <FactList facts={[["kinolog", __VERSION__], ...versions]} />
      {usage === undefined ? null : (
        <FactList
          facts={[
            [t("settings.queuedJobs"), ofLimit(usage.queued_jobs, usage.limits.max_queued_jobs, formats.count)],
            [t("settings.files"), ofLimit(usage.artifact_bytes, usage.limits.max_artifact_bytes, formats.bytes)],
          ]}
        />
      )}
      <Typography>
        <MuiLink href={pathOf("/docs")}>{t("settings.documents")}</MuiLink>
      </Typography>
    </Stack>
  );
}
