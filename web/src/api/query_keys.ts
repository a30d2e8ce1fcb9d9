/** Names of what the page has read. What changes together has a common beginning. */
export const queryKeys = {
  /** What a commit of any job can change. */
  ofManyJobs: ["many"] as const,
  ofLists: ["many", "jobs"] as const,
  jobs: (query: object) => ["many", "jobs", query] as const,
  counts: (query: object) => ["many", "counts", query] as const,
  charts: (name: string, query: object) => ["charts", name, query] as const,
  activity: ["many", "activity"] as const,
  workers: ["workers"] as const,
  models: ["models"] as const,
  alarms: ["alarms"] as const,
  usage: ["usage"] as const,
  caller: ["caller"] as const,
  keys: ["keys"] as const,
  job: (jobId: string) => ["job", jobId] as const,
  log: (jobId: string) => ["log", jobId] as const,
  partsOfJob: (jobId: string) => ["parts", jobId] as const,
  storyboard: (jobId: string) => ["parts", jobId, "storyboard"] as const,
  history: (jobId: string, asOf: number | undefined) => ["parts", jobId, "history", asOf] as const,
  proof: (jobId: string) => ["proof", jobId] as const,
  ticket: (jobId: string, apiKey: string) => ["ticket", jobId, apiKey] as const,
  file: (link: string, apiKey: string) => ["file", link, apiKey] as const,
};
