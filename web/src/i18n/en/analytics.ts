/** Texts in English: the page of numbers over time. */
export const analytics = {
  success: "Success rate",
  mean: "Mean time",
  p95: "95th percentile",
  waiting: "Mean wait",
  videos: "Length of all videos",
  device: "Device time",
  trend: "Jobs over time",
  depth: "Queue over time",
  stages: "Time by stage",
  byPriority: "Success by priority",
  byModel: "Jobs by model",
  median: "Median",
  submitted: "Submitted",
  export: "Save as CSV",
  rate: "Rate",
  jobs: "Jobs",
};
