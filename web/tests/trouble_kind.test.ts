import { expect, test } from "vitest";
import { troubleKind } from "../src/text/trouble_kind";

test.each([
  ["OUT_OF_MEMORY", "memory"],
  ["MODEL_DISK_FULL", "disk"],
  ["MODEL_DAMAGED", "model"],
  ["RENDERER_NOT_FOUND", "model"],
  ["RENDERER_FROZEN", "worker"],
  ["RENDER_INTERRUPTED", "worker"],
  ["RENDER_FAILED", "render"],
  ["START_TIMEOUT", "late"],
  ["LORA_CHANGED", "lora"],
  ["SOMETHING_NEW", undefined],
])("the trouble %s is of the kind %s", (code, kind) => {
  expect(troubleKind(code)).toBe(kind);
});
