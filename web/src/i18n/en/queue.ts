/** Texts in English: pauses of the queue. */
export const queue = {
  pause: "Pause the queue",
  pauseHint: "Jobs of all tenants are taken and wait. Those that run go on.",
  what: "What",
  whole: "the whole queue",
  reason: "Reason",
  reasonHint: "Every tenant reads it. It may be empty.",
  isPaused: "The queue is paused.",
  isPausedFor: "The queue is paused for priority {{priority}}.",
  since: "Its jobs wait since {{time}}.",
  sinceBy: "Its jobs wait since {{time}}: {{actor}} paused it.",
  reasonIs: "Reason: {{reason}}",
  resumeAll: "Resume all",
};
