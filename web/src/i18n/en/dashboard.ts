/** Texts in English: the dashboard. */
export const dashboard = {
  running: "Now",
  queue: "Next in the queue",
  workers: "Workers",
  activity: "Activity",
  byStatus: "Jobs by status",
  recent: "Jobs per day",
  total: "all",
  idle: "idle",
  otherJob: "and",
  jobsDone_one: "{{count}} job done",
  jobsDone_other: "{{count, number}} jobs done",
  starts: "starts {{time}}",
  place: "place {{place}}",
  memory: "{{used}} of {{total}} used",
  remaining: "{{time}} left",
  allJobs: "All jobs",
};
