/** Colours and symbols of the statuses, as in the terminal dashboard. Apart from the theme, which takes a while to make. */
import type { JobStatus } from "../api/types";

export type StatusColour = "warning" | "primary" | "success" | "error" | "secondary";

/** The colour of each status, as in the terminal dashboard. */
export const STATUS_COLOURS: Record<JobStatus, StatusColour> = {
  queued: "warning",
  processing: "primary",
  completed: "success",
  failed: "error",
  cancelled: "secondary",
};

/** A symbol for each status, so that no meaning depends on colour alone. */
export const STATUS_SYMBOLS: Record<JobStatus, string> = {
  queued: "○",
  processing: "◐",
  completed: "●",
  failed: "✖",
  cancelled: "⊘",
};
