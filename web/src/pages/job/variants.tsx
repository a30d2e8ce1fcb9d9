/** The jobs of one request with variants, beside each other: a picture of each, its seed, and how it stands. */
import Box from "@mui/material/Box";
import Button from "@mui/material/Button";
import Card from "@mui/material/Card";
import CardActionArea from "@mui/material/CardActionArea";
import Typography from "@mui/material/Typography";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useJobs } from "../../api/queries";
import type { Job, JobDetail } from "../../api/types";
import { JobProgress, useNewest } from "../../components/job_progress";
import { Loaded } from "../../components/loaded";
import { Panel } from "../../components/panel";
import { Picture } from "../../components/picture";
import { StatusChip } from "../../components/status_chip";

/** A request makes at most so many. */
const MOST_VARIANTS = 8;

function Variant({ job, isShown }: { job: Job; isShown: boolean }): ReactNode {
  const { t } = useTranslation();
  const status = useNewest(job, (newest) => newest.status);
  const name = t("job.variant", { number: job.variant });
  const card = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // Of eight, the one whose page this is may be beyond the edge.
    if (isShown) card.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [isShown]);
  return (
    <Card
      component="li"
      ref={card}
      variant="outlined"
      sx={{ flex: "0 0 auto", width: { xs: 132, sm: 168 }, ...(isShown ? { outline: 2, outlineStyle: "solid", outlineColor: "primary.main" } : {}) }}
    >
      <CardActionArea component={Link} to={`/jobs/${job.job_id}`} {...(isShown ? { "aria-current": "page" } : {})}>
        <Picture
          link={job.status === "completed" && !job.erased ? `/api/v1/result/${job.job_id}/thumbnail` : null}
          alt={t("job.pictureOf", { name })}
          ratio={Math.max(1, job.width / job.height)}
        />
        <Box sx={{ p: 1, display: "grid", gap: 0.5, justifyItems: "start" }}>
          <Typography variant="body2" sx={{ fontWeight: 600 }}>
            {name}
          </Typography>
          <Typography variant="body2" color="textSecondary" sx={{ overflowWrap: "anywhere" }}>
            {t("fields.seed")} {String(job.seed)}
          </Typography>
          {status === "processing" && job.paused_at === null && !job.cancel_requested ? (
            <Box sx={{ width: "100%" }}>
              <JobProgress job={job} />
            </Box>
          ) : (
            <StatusChip status={status} isCancelling={job.cancel_requested} isPaused={job.paused_at !== null} />
          )}
        </Box>
      </CardActionArea>
    </Card>
  );
}

export default function Variants({ job, group }: { job: JobDetail; group: string }): ReactNode {
  const { t } = useTranslation();
  const jobs = useJobs({ variant_of: group, sort: "created_at", order: "asc", limit: MOST_VARIANTS });
  return (
    <Box sx={{ mt: 1.5 }}>
      <Panel
        title={t("job.variants")}
        aside={
          <Button component={Link} to={`/jobs?variant_of=${group}`} size="small">
            {t("job.variantsList")}
          </Button>
        }
      >
        <Loaded query={jobs} lines={3}>
          {(list) => (
            <Box component="ul" sx={{ m: 0, p: 0.5, listStyle: "none", display: "flex", gap: 1.5, overflowX: "auto" }}>
              {list.jobs
                .toSorted((one, other) => (one.variant ?? 0) - (other.variant ?? 0))
                .map((each) => (
                  <Variant key={each.job_id} job={each} isShown={each.job_id === job.job_id} />
                ))}
            </Box>
          )}
        </Loaded>
      </Panel>
    </Box>
  );
}
