/** The range of time of the numbers, kept in the address so that it can be linked and gone back to. */
import type { RangeQuery } from "../../api/queries";

export const HOUR = 3_600;
/** Each range with the length of its buckets in seconds. */
export const RANGES = { last_hour: 60, last_24_hours: HOUR, last_7_days: 6 * HOUR, last_30_days: 24 * HOUR } as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as Range[];
const USUAL: Range = "last_7_days";

/** Return the range of an address; the usual one if it names none that there is. */
export function rangeOf(params: URLSearchParams): Range {
  return RANGE_NAMES.find((range) => range === params.get("range")) ?? USUAL;
}

export function paramsOf(range: Range): URLSearchParams {
  return new URLSearchParams(range === USUAL ? {} : { range });
}

/** Return the range as the gateway takes it. The last hour is given by its ends, to the minute. */
export function queryOf(range: Range, now: number): RangeQuery {
  if (range !== "last_hour") return { date_range: range };
  const minute = Math.floor(now / 60_000) * 60_000;
  return { from: new Date(minute - HOUR * 1_000).toISOString() };
}
