/** What kind of trouble ended a job, by the code of its error. */
const KINDS = [
  ["memory", /MEMORY/],
  ["disk", /DISK|STORE_FAILED|SCRATCH/],
  ["lora", /^LORA/],
  ["upscaler", /^UPSCALER/],
  ["input", /^INPUT/],
  ["model", /^MODEL|^PACKAGE|^RENDERER_NOT|^RENDERER_UNSUITABLE/],
  ["render", /^RENDER_FAILED/],
  ["late", /^START_TIMEOUT/],
  ["worker", /^WORKER|^RENDER|^LEASE/],
] as const;

export type TroubleKind = (typeof KINDS)[number][0];

/** Return the kind; undefined for a code that this page does not know yet. */
export function troubleKind(code: string): TroubleKind | undefined {
  return KINDS.find(([, codes]) => codes.test(code))?.[0];
}
