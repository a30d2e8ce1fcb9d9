import { expect, test } from "vitest";
import { RANGE_NAMES, paramsOf, queryOf, rangeOf } from "../src/pages/analytics/analytics_range";

test("an address keeps the range, and one that there is not is the usual one", () => {
  for (const range of RANGE_NAMES) expect(rangeOf(paramsOf(range))).toBe(range);
  expect(rangeOf(new URLSearchParams("range=last_century"))).toBe(rangeOf(new URLSearchParams()));
});

test("the last hour begins an hour before this minute", () => {
  expect(queryOf("last_hour", Date.parse("2026-11-22T15:30:40Z"))).toEqual({ from: "2026-11-22T14:30:00.000Z" });
  expect(queryOf("last_24_hours", 0)).toEqual({ date_range: "last_24_hours" });
});
