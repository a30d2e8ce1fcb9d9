import { expect, test } from "vitest";
import type { Model } from "../src/api/types";
import { troublesOf } from "../src/pages/generate/checks";
import { EMPTY_DRAFT, scheduleOf } from "../src/pages/generate/draft";
import { type RunTimes, cronOf, runTimesOf } from "../src/pages/generate/start_time";

const MODEL = { name: "tiny", defaults: { fps: 8, codec: "h264" }, max_frames: 81, max_steps: 100, inputs: [], window_frames: 0, profiles: [] } as unknown as Model;
const DRAFT = { ...EMPTY_DRAFT, prompt: "a red circle", model: "tiny" };
const NIGHT: RunTimes = { rhythm: "daily", time: "22:05", weekday: "FRI", cron: "" };

test.each([
  ["hourly", "5 * * * *"],
  ["daily", "5 22 * * *"],
  ["weekdays", "5 22 * * MON-FRI"],
  ["weekly", "5 22 * * FRI"],
] as const)("a rhythm is written as cron, and read from it: %s", (rhythm, cron) => {
  expect(cronOf({ ...NIGHT, rhythm })).toBe(cron);
  expect(runTimesOf(cron)).toMatchObject({ rhythm, time: rhythm === "hourly" ? "00:05" : "22:05" });
});

test.each(["*/5 * * * *", "0 22 1 * *", "0 22 * * MON,FRI", "0 8-18 * * *", "0 22 * * 5", "0 25 * * *"])("other times are shown as they are written: %s", (cron) => {
  expect(runTimesOf(cron)).toMatchObject({ rhythm: "cron", cron });
  expect(cronOf({ ...NIGHT, rhythm: "cron", cron })).toBe(cron);
});

const NOW = Date.parse("2026-05-01T12:00:00Z");

test.each([
  [{ start: "later", startAfter: "" }, { startAfter: { kind: "startTime" } }],
  [{ start: "later", startAfter: "2026-04-30T00:00" }, { startAfter: { kind: "pastTime" } }],
  [{ start: "later", startAfter: "2026-05-03T00:00" }, {}],
  [{ startTimeout: "0" }, { startTimeout: { kind: "range", least: 1, most: 527_040 } }],
  [{ startTimeout: "1.5" }, { startTimeout: { kind: "whole", least: 1 } }],
  [{ start: "repeated", runTimes: { ...NIGHT, time: "" } }, { cron: { kind: "startTime" } }],
  [{ start: "repeated", runTimes: { ...NIGHT, rhythm: "cron", cron: "0 22 *" } }, { cron: { kind: "cronForm" } }],
  [{ start: "repeated", inputs: [{ role: "first_frame", name: "a" }] }, { start: { kind: "noInputs" } }],
] as const)("a start that cannot be is named: %o", (part, troubles) => {
  expect(troublesOf({ ...DRAFT, ...part }, MODEL, NOW)).toEqual(troubles);
});

test("a schedule has the job of the draft, and a start time within it", () => {
  const draft = { ...DRAFT, start: "repeated", runTimes: NIGHT, zone: "Asia/Tokyo", startTimeout: "90", catchesUp: true } as const;
  expect(scheduleOf(draft, MODEL)).toEqual({
    ...{ cron: "5 22 * * *", zone: "Asia/Tokyo", catch_up: true },
    job: { prompt: "a red circle", model: "tiny", priority: "medium", shots: "one", start_timeout_seconds: 5_400 },
  });
});
