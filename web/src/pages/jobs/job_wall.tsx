/** The page of the list as a wall of pictures. */
import Box from "@mui/material/Box";
import Card from "@mui/material/Card";
import CardActionArea from "@mui/material/CardActionArea";
import Checkbox from "@mui/material/Checkbox";
import Typography from "@mui/material/Typography";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Job } from "../../api/types";
import { clamped } from "../../components/clamped";
import { JobProgress } from "../../components/job_progress";
import { Picture } from "../../components/picture";
import { StatusChip } from "../../components/status_chip";
import { shortId } from "../../text/format";

interface Props {
  jobs: readonly Job[];
  marked: ReadonlyMap<string, Job>;
  onMark: (job: Job, isMarked: boolean) => void;
}

export function JobWall({ jobs, marked, onMark }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <Box
      component="ul"
      sx={{
        m: 0,
        p: { xs: 1, sm: 2 },
        listStyle: "none",
        display: "grid",
        gap: { xs: 1, sm: 2 },
        gridTemplateColumns: { xs: "repeat(auto-fill, minmax(140px, 1fr))", sm: "repeat(auto-fill, minmax(180px, 1fr))" },
      }}
    >
      {jobs.map((job) => (
        <li key={job.job_id}>
          <Card variant="outlined" sx={{ position: "relative", ...(marked.has(job.job_id) ? { outline: 2, outlineStyle: "solid", outlineColor: "primary.main" } : {}) }}>
            <Checkbox
              size="small"
              checked={marked.has(job.job_id)}
              slotProps={{ input: { "aria-label": t("actions.selectJob", { job: shortId(job.job_id) }) } }}
              onChange={(event) => onMark(job, event.target.checked)}
              sx={{ position: "absolute", top: 4, left: 4, zIndex: 1, p: 0.25, borderRadius: 1, bgcolor: "background.paper", "&:hover": { bgcolor: "background.paper" } }}
            />
            <CardActionArea component={Link} to={`/jobs/${job.job_id}`}>
              <Picture
                link={job.status === "completed" && !job.erased ? `/api/v1/result/${job.job_id}/thumbnail` : null}
                alt={t("jobs.picture", { job: shortId(job.job_id) })}
                ratio={Math.max(1, job.width / job.height)}
              />
              <Box sx={{ p: 1.25, display: "grid", gap: 0.75 }}>
                <Typography variant="body2" dir="auto" title={job.prompt ?? undefined} sx={{ ...clamped(2), minHeight: "2lh", textAlign: "left", overflowWrap: "anywhere" }}>
                  {job.prompt ?? t("status.erased")}
                </Typography>
                {job.status === "processing" ? (
                  <JobProgress job={job} />
                ) : (
                  <Box>
                    <StatusChip status={job.status} isCancelling={job.cancel_requested} isPaused={job.paused_at !== null} />
                  </Box>
                )}
              </Box>
            </CardActionArea>
          </Card>
        </li>
      ))}
    </Box>
  );
}
