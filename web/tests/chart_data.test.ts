import { expect, test } from "vitest";
import { greatestOf, labelStep, shortened, valueAxis } from "../src/charts/chart_data";

const SERIES = [
  { name: "one", colour: "red", values: [1, null, 4] },
  { name: "other", colour: "blue", values: [2, 6, null] },
];

test("an axis begins at 0 and reaches the greatest number", () => {
  expect(greatestOf(SERIES, true)).toBe(6);
  expect(greatestOf(SERIES, false)).toBe(6);
  expect(greatestOf(SERIES.slice(0, 1), true)).toBe(4);
  expect(greatestOf([], true)).toBe(0);
  const axis = valueAxis(6, 200, 0, true);
  expect([axis.at(0), axis.at(6)]).toEqual([200, 0]);
});

test("counts have whole numbers only, and an empty chart has an axis", () => {
  expect(valueAxis(0, 100, 0, true).ticks).toEqual([0, 1]);
  expect(valueAxis(2, 100, 0, false).ticks).toContain(0.5);
});

test("as many names are shown as there is room for", () => {
  expect(labelStep(["Mon", "Tue", "Wed"], 100)).toBe(1);
  expect(labelStep(["Nov 21, 06 AM", "Nov 21, 12 PM"], 20)).toBe(6);
  expect(shortened("wan2.1-t2v-1.3b-turbo", 16)).toBe("wan2.1-t2v-1.3b…");
});
