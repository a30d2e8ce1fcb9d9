/** Greatest values that the server takes, by the fields of its request. A test compares them with its OpenAPI document. */
export const LIMITS = {
  prompt: 4_000,
  title: 200,
  duration: 600,
  scenes: 32,
  loras: 8,
  weight: 4,
  guidance: 100,
  fps: 120,
  start_timeout_seconds: 31_622_400,
} as const;
