/** The colour of each status, as charts want it: they follow the theme by themselves. */
import type { JobStatus } from "../api/types";
import { STATUS_COLOURS } from "../theme/statuses";

const colour = (status: JobStatus): string => `var(--mui-palette-${STATUS_COLOURS[status]}-main)`;

export const CHART_COLOURS: Record<JobStatus, string> = {
  queued: colour("queued"),
  processing: colour("processing"),
  completed: colour("completed"),
  failed: colour("failed"),
  cancelled: colour("cancelled"),
};
