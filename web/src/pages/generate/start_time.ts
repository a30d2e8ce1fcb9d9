/** When the job of a draft starts: now, at a time, or again and again by a schedule. */

export const STARTS = ["now", "later", "repeated"] as const;
export type Start = (typeof STARTS)[number];

/** How often a schedule runs. `cron`: as its five fields say. */
export const RHYTHMS = ["hourly", "daily", "weekdays", "weekly", "cron"] as const;
export type Rhythm = (typeof RHYTHMS)[number];

export const WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When a schedule runs, as a person chooses it. */
export interface RunTimes {
  rhythm: Rhythm;
  /** Hour and minute, such as `22:00`. Of an hourly one the minute counts. */
  time: string;
  weekday: Weekday;
  /** The five fields, where the rhythm is `cron`. */
  cron: string;
}

const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const FIELDS = 5;

/** Return the five fields of cron; undefined while the time is none. */
export function cronOf({ rhythm, time, weekday, cron }: RunTimes): string | undefined {
  if (rhythm === "cron") {
    const fields = cron.trim().split(/\s+/);
    return fields.length === FIELDS ? fields.join(" ") : undefined;
  }
  const [, hour, minute] = TIME.exec(time) ?? [];
  if (hour === undefined || minute === undefined) return undefined;
  const at = `${Number(minute)} ${rhythm === "hourly" ? "*" : Number(hour)} * *`;
  const days = { hourly: "*", daily: "*", weekdays: "MON-FRI", weekly: weekday };
  return `${at} ${days[rhythm]}`;
}

/** Return the run times that a person would have chosen for these five fields. */
export function runTimesOf(cron: string): RunTimes {
  const asWritten: RunTimes = { rhythm: "cron", time: "00:00", weekday: "MON", cron };
  const [minute = "", hour = "", day, month, weekdays = "", ...more] = cron.trim().toUpperCase().split(/\s+/);
  if (day !== "*" || month !== "*" || more.length > 0 || !/^\d{1,2}$/.test(minute)) return asWritten;
  const time = `${(hour === "*" ? "0" : hour).padStart(2, "0")}:${minute.padStart(2, "0")}`;
  const weekday = WEEKDAYS.find((each) => each === weekdays);
  const found = [
    { rhythm: "hourly", fits: hour === "*" && weekdays === "*" },
    { rhythm: "daily", fits: weekdays === "*" },
    { rhythm: "weekdays", fits: weekdays === "MON-FRI" },
    { rhythm: "weekly", fits: weekday !== undefined },
  ] as const;
  const rhythm = found.find(({ fits }) => fits)?.rhythm;
  if (rhythm === undefined || !TIME.test(time) || (hour === "*" && rhythm !== "hourly")) return asWritten;
  return { rhythm, time, weekday: weekday ?? "MON", cron };
}

/** Return a local date and time, as a field of the browser has it, as the server takes it; undefined for none. */
export function utcTime(local: string): string | undefined {
  const time = Date.parse(local);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The time zone of the browser. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
