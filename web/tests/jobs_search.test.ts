import { expect, test } from "vitest";
import { filterOf, hasFilters, paramsOf, searchOf } from "../src/pages/jobs/jobs_search";

test("an address keeps every part of a search, and what no list has is left out", () => {
  const address = "status=failed&status=nonsense&priority=high&model=tiny&text=red&range=today&sort=progress&order=asc&variant_of=abcdefghijklmnopqrstuvwxyz";
  const search = searchOf(new URLSearchParams(address));
  expect(search.statuses).toEqual(["failed"]);
  expect(searchOf(paramsOf(search))).toEqual(search);
  expect(hasFilters(search)).toBe(true);
  expect(filterOf(search).variant_of).toBe("abcdefghijklmnopqrstuvwxyz");
  expect(searchOf(new URLSearchParams("variant_of=nonsense")).variantOf).toBe("");
});

test("a search without filters has an empty address", () => {
  const search = searchOf(new URLSearchParams());
  expect(paramsOf(search).toString()).toBe("");
  expect(hasFilters(search)).toBe(false);
  expect(filterOf(search)).toEqual({ date_range: "all_time" });
});

test("times of the person are sent in UTC, and replace the range", () => {
  const search = searchOf(new URLSearchParams("from=2026-11-22T15:30&range=today"));
  expect(filterOf(search)).toEqual({ from: new Date("2026-11-22T15:30").toISOString() });
  expect(filterOf({ ...search, from: "soon" })).toEqual({ date_range: "today" });
});
