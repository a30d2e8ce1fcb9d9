/** The dashboard: counts, what runs and waits now, charts, workers and what happened last. */
import Box from "@mui/material/Box";
import Grid from "@mui/material/Grid";
import { type ReactNode, Suspense, lazy } from "react";
import { useTranslation } from "react-i18next";
import { PageHeading } from "../../components/page_heading";
import { Activity } from "./activity";
import { CountCards } from "./count_cards";
import { QueuedJobs, RunningJobs } from "./current_jobs";
import { Workers } from "./workers";

/** About as high as the panel of a chart. */
const CHART_HEIGHT = 340;
const Charts = lazy(() => import("./charts"));

export default function Dashboard(): ReactNode {
  const { t } = useTranslation();
  return (
    <Box>
      <PageHeading title={t("pages.dashboard")} />
      <CountCards />
      <Grid container spacing={2} sx={{ mt: 2 }}>
        <Grid size={{ xs: 12, lg: 7 }}>
          <RunningJobs />
        </Grid>
        <Grid size={{ xs: 12, lg: 5 }}>
          <QueuedJobs />
        </Grid>
        <Grid size={12}>
          <Suspense fallback={<Box sx={{ height: { xs: 2 * CHART_HEIGHT, md: CHART_HEIGHT } }} />}>
            <Charts />
          </Suspense>
        </Grid>
        <Grid size={{ xs: 12, lg: 5 }}>
          <Workers />
        </Grid>
        <Grid size={{ xs: 12, lg: 7 }}>
          <Activity />
        </Grid>
      </Grid>
    </Box>
  );
}
