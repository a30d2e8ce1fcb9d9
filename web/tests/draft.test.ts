import { expect, test } from "vitest";
import type { Model } from "../src/api/types";
import { shapeOf, troublesOf } from "../src/pages/generate/checks";
import { EMPTY_DRAFT, draftOf, emptyScene, requestOf } from "../src/pages/generate/draft";

const MODEL = {
  name: "tiny",
  defaults: { size: "256x256", frames: 17, fps: 8, duration: 2.125, steps: 20, guidance: 2, codec: "h264" },
  max_frames: 81,
  max_steps: 100,
  inputs: [],
  window_frames: 0,
  profiles: [
    { name: "exact", steps: 20, guidance: 2, sigmas: [], loras: [] },
    { name: "turbo", steps: 4, guidance: 1, sigmas: [1, 0.9, 0.7, 0.3], loras: [{ name: "few-steps", weight: 1 }] },
  ],
  vocabulary: ["a", "red", "circle"],
} as unknown as Model;
const DRAFT = { ...EMPTY_DRAFT, prompt: "a red circle", model: "tiny" };

test("a draft with a prompt has no troubles, and sends what was entered alone", () => {
  expect(troublesOf(DRAFT, MODEL)).toEqual({});
  expect(requestOf({ ...DRAFT, duration: "2", seed: "7" }, MODEL, "r1")).toEqual({
    prompt: "a red circle",
    model: "tiny",
    priority: "medium",
    shots: "one",
    request_id: "r1",
    duration: 2,
    seed: 7,
  });
});

test.each([
  [{ prompt: " " }, { prompt: { kind: "required" } }],
  [{ prompt: "😀".repeat(4_001) }, { prompt: { kind: "tooLong", most: 4_000 } }],
  [{ duration: "11" }, { duration: { kind: "range", least: 0.2, most: 10.1 } }],
  [{ steps: "1.5" }, { steps: { kind: "whole", least: 1 } }],
  [{ steps: "x" }, { steps: { kind: "range", least: 1, most: 100 } }],
  [{ seed: "-1" }, { seed: { kind: "whole", least: 0 } }],
  [{ size: "256" }, { size: { kind: "sizeForm" } }],
  [{ fps: "121" }, { fps: { kind: "range", least: 1, most: 120 } }],
  [{ crf: "52" }, { crf: { kind: "range", least: 1, most: 51 } }],
  [{ codec: "av1", crf: "64" }, { crf: { kind: "range", least: 1, most: 63 } }],
  [{ loras: [{ name: "ink", weight: "5" }] }, { "loras[0].weight": { kind: "range", least: -4, most: 4 } }],
])("a field with a wrong value is named: %o", (part, troubles) => {
  expect(troublesOf({ ...DRAFT, ...part }, MODEL)).toEqual(troubles);
});

test("a prompt of 4,000 characters is accepted, however many units each has", () => {
  expect(troublesOf({ ...DRAFT, prompt: "😀".repeat(4_000) }, MODEL)).toEqual({});
});

test("an input that the model needs is missed", () => {
  const needy = { ...MODEL, inputs: [{ role: "first_frame", required: true, most: 1 }] } as Model;
  expect(troublesOf(DRAFT, needy)).toEqual({ inputs: { kind: "missingInput", role: "first_frame" } });
});

test("scenes are listed in place of shots; all have a length, or none", () => {
  const scenes = [
    { ...emptyScene(), prompt: "a star", seconds: "2" },
    { ...emptyScene(), prompt: "a ring", seconds: "1", transition: "dissolve" as const, seed: "9" },
  ];
  const draft = { ...DRAFT, prompt: "", duration: "7", shots: "list" as const, scenes };
  expect(troublesOf(draft, MODEL)).toEqual({});
  expect(shapeOf(draft, MODEL)?.frames).toBe(24);
  expect(requestOf(draft, MODEL, "r1")).toEqual({
    model: "tiny",
    priority: "medium",
    request_id: "r1",
    scenes: [
      { prompt: "a star", duration: 2 },
      { prompt: "a ring", duration: 1, transition: "dissolve", seed: 9 },
    ],
  });
  const partly = { ...draft, scenes: [...scenes, emptyScene()] };
  expect(troublesOf(partly, MODEL)).toEqual({ "scenes[2].prompt": { kind: "required" }, "scenes[2].duration": { kind: "allLengths" } });
});

test("a job made again leaves to its profile what the profile fills in, and keeps the rest", () => {
  const job = {
    ...{ prompt: "a red circle", negative_prompt: null, model: "tiny", style: null, priority: "low", duration: 2, size: "256x256" },
    ...{ profile: "turbo", steps: 4, guidance: 1, seed: 7, scenes: 1, chained: false, upscaler: null, fps: 8, interpolate_fps: 16 },
    ...{ codec: "h265", crf: 30, title: null, inputs: [{ role: "first_frame", file: "/api/v1/inputs/x/0" }] },
    loras: [
      { name: "few-steps", weight: 1 },
      { name: "ink", weight: 0.5 },
    ],
  } as never;
  const draft = draftOf(job, MODEL, []);
  expect(draft).toMatchObject({ profile: "turbo", steps: "", fps: "", interpolation: "2", codec: "h265", crf: "30" });
  expect(draft.loras).toEqual([{ name: "ink", weight: "0.5" }]);
  expect(draft.inputs).toEqual([{ role: "first_frame", name: "1", link: "/api/v1/inputs/x/0" }]);
  expect(requestOf(draft, MODEL, "r1")).toMatchObject({ profile: "turbo", interpolate_fps: 16, loras: [{ name: "ink", weight: 0.5 }] });
});
