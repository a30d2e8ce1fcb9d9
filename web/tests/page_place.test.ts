/** The places of pages of the list. */
import { describe, expect, it } from "vitest";
import { FIRST, lastPlace, nextPlace, pageNumber, placeOf, placeQuery, previousPlace } from "../src/pages/jobs/page_place";

describe("the places of pages", () => {
  it("lead forward by cursors and back again", () => {
    const third = nextPlace(nextPlace(FIRST, "a"), "b");
    expect(placeQuery(third)).toEqual({ cursor: "b" });
    expect(pageNumber(third, 25)).toBe(3);
    const second = previousPlace(third, 25);
    expect(second).toEqual(nextPlace(FIRST, "a"));
    expect(placeQuery(FIRST)).toEqual({});
    expect(previousPlace(FIRST, 25)).toBeUndefined();
  });

  it("lead from the last page back to the first one", () => {
    for (const [total, skipped] of [
      [0, 0],
      [1, 0],
      [25, 0],
      [26, 25],
      [1_000_000, 999_975],
    ] as const) {
      expect(lastPlace(total, 25)).toEqual({ skipped, cursors: [] });
    }
    const last = lastPlace(60, 25);
    expect(placeQuery(last)).toEqual({ offset: 50 });
    expect(pageNumber(last, 25)).toBe(3);
    const before = previousPlace(last, 25);
    expect(before).toEqual({ skipped: 25, cursors: [] });
    expect(previousPlace(before ?? FIRST, 25)).toEqual(FIRST);
    expect(pageNumber(nextPlace(last, "more"), 25)).toBe(4);
  });

  it("are those of the history, whatever else is in it", () => {
    expect(placeOf({ place: { skipped: 50, cursors: ["a"] } })).toEqual({ skipped: 50, cursors: ["a"] });
    for (const state of [null, undefined, {}, { cursors: ["a"] }]) expect(placeOf(state)).toEqual(FIRST);
  });
});
