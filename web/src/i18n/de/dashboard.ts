/** Texts in German: the dashboard. */
import type { dashboard as english } from "../en/dashboard";

export const dashboard: typeof english = {
  running: "Jetzt",
  queue: "Als Nächstes",
  workers: "Worker",
  activity: "Verlauf",
  byStatus: "Aufträge nach Status",
  recent: "Aufträge je Tag",
  total: "alle",
  idle: "frei",
  otherJob: "und",
  atServers: "Auf Servern:",
  jobsDone_one: "{{count}} Auftrag erledigt",
  jobsDone_other: "{{count, number}} Aufträge erledigt",
  starts: "beginnt {{time}}",
  place: "Platz {{place}}",
  memory: "{{used}} von {{total}} belegt",
  remaining: "noch {{time}}",
  allJobs: "Alle Aufträge",
};
