import { expect, test } from "vitest";
import type { Model } from "../src/api/types";
import { EMPTY_DRAFT, requestOf, shapeOf, troublesOf, unknownWords } from "../src/pages/generate/draft";
import { estimateOf } from "../src/pages/generate/estimate";

const MODEL = {
  name: "tiny",
  defaults: { size: "256x256", frames: 17, fps: 8, duration: 2.125, steps: 20, guidance: 2 },
  max_frames: 81,
  max_steps: 100,
  inputs: [],
  vocabulary: ["a", "red", "circle"],
} as unknown as Model;
const DRAFT = { ...EMPTY_DRAFT, prompt: "a red circle", model: "tiny" };

test("a draft with a prompt has no troubles, and sends what was entered alone", () => {
  expect(troublesOf(DRAFT, MODEL)).toEqual({});
  expect(requestOf({ ...DRAFT, duration: "2", seed: "7" }, "r1")).toEqual({
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

test("words that the model does not know are named once", () => {
  expect(unknownWords("A red zebra, a ZEBRA and a circle", MODEL)).toEqual(["zebra", "and"]);
  expect(unknownWords("A red zebra", { ...MODEL, vocabulary: [] })).toEqual([]);
});

test("an estimate scales past jobs of about the same size, and there is none without them", () => {
  const past = [1, 2, 9].map((seconds) => ({
    width: 256,
    height: 256,
    frames: 17,
    steps: 20,
    timings: { run_seconds: seconds },
  })) as never;
  const shape = shapeOf({ ...DRAFT, steps: "40" }, MODEL);
  expect(shape).toEqual({ pixels: 65_536, frames: 17, steps: 40 });
  expect(estimateOf({ pixels: 65_536, frames: 17, steps: 40 }, past)).toBe(4);
  expect(estimateOf({ pixels: 65_536, frames: 17, steps: 90 }, past)).toBeUndefined();
});
