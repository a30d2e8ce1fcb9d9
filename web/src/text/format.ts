/** Numbers, times and sizes as text, in the person's language and time zone. */
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Return `make`, with what it has made kept: a format takes longer to make than to use. */
function kept<O, F>(make: (language: string, options?: O) => F): (language: string, options?: O) => F {
  const made = new Map<string, F>();
  return (language, options) => {
    const key = `${language} ${JSON.stringify(options)}`;
    const found = made.get(key) ?? make(language, options);
    made.set(key, found);
    return found;
  };
}

const numberFormat = kept((language, options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(language, options));
const dateFormat = kept((language, options?: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, options));
const sinceFormat = kept((language, options?: Intl.RelativeTimeFormatOptions) => new Intl.RelativeTimeFormat(language, options));

/** The form of the id of a job. */
export const JOB_ID = /^[a-z0-9]{26}$/;

export function shortId(jobId: string): string {
  return jobId.slice(0, 8);
}

/** Below it whole numbers have no separator: their text needs no format, whose making takes a while. */
const LEAST_GROUPED = 1_000;

export function count(number: number, language: string): string {
  if (Number.isInteger(number) && number >= 0 && number < LEAST_GROUPED) return String(number);
  return numberFormat(language).format(number);
}

/** Return a number for the axis of a chart: `1.2M` where millions have no room. */
export function shortCount(number: number, language: string): string {
  return numberFormat(language, { notation: number < 1_000_000 ? "standard" : "compact" }).format(number);
}

export function share(part: number | null | undefined, language: string): string {
  return part == null ? "–" : numberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(part);
}

/** Return a number with exactly so many digits after the point. */
export function decimal(number: number, digits: number, language: string): string {
  return numberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(number);
}

export function bytes(number: number, language: string): string {
  const units = [undefined, "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, number)) / 3));
  const unit = units[power];
  if (unit === undefined) return `${numberFormat(language).format(number)}\u00a0B`;
  return numberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(number / 1000 ** power);
}

/** Return a duration, such as `4.2 s`, `1:05` or `2:00:05`; a dash for none. */
export function length(seconds: number | null | undefined, language: string): string {
  if (seconds == null) return "–";
  if (seconds < MINUTE) {
    const digits = seconds < 10 ? 1 : 0;
    return `${numberFormat(language, { maximumFractionDigits: digits }).format(seconds)}\u00a0s`;
  }
  const whole = Math.round(seconds);
  const parts = [Math.floor((whole % HOUR) / MINUTE), whole % MINUTE];
  if (whole >= HOUR) parts.unshift(Math.floor(whole / HOUR));
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** Return the time since a moment, such as `3 minutes ago`. */
export function ago(time: string | null | undefined, now: number, language: string): string {
  if (!time) return "";
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const format = sinceFormat(language, { numeric: "auto", style: "short" });
  if (seconds < MINUTE) return format.format(-Math.round(seconds), "second");
  if (seconds < HOUR) return format.format(-Math.round(seconds / MINUTE), "minute");
  if (seconds < DAY) return format.format(-Math.round(seconds / HOUR), "hour");
  return format.format(-Math.round(seconds / DAY), "day");
}

/** Return whether a moment is still to come. */
export function isAhead(time: string | null | undefined, now: number): boolean {
  return time ? Date.parse(time) > now : false;
}

export function moment(time: string | null | undefined, language: string): string {
  if (!time) return "–";
  return dateFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));
}

export function clockTime(time: string | null | undefined, language: string): string {
  return time ? dateFormat(language, { timeStyle: "medium" }).format(new Date(time)) : "";
}

export function day(time: string | null | undefined, language: string): string {
  return time ? dateFormat(language, { dateStyle: "full" }).format(new Date(time)) : "–";
}

/** Return a moment in the person's zone, as a field of the browser for date and time has it. */
export function localMoment(time: string): string {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * MINUTE * 1000).toISOString().slice(0, "2026-11-29T09:30:00".length);
}

/** Return the person's offset from UTC, such as `+02:00`, for days that begin at their midnight. */
export function utcOffset(at: Date = new Date()): string {
  const minutes = -at.getTimezoneOffset();
  const text = (number: number): string => String(number).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${text(Math.floor(Math.abs(minutes) / 60))}:${text(Math.abs(minutes) % 60)}`;
}
