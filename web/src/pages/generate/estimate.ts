/** How long a video will take, from past videos of the model that were about as large. */
import type { Job } from "../../api/types";
import type { Shape } from "./checks";

/** Past jobs count if each of pixels, frames and steps is within this factor. */
const FACTOR = 2;

function isNear(one: number, other: number): boolean {
  return one <= other * FACTOR && other <= one * FACTOR;
}

/** Return seconds of rendering; undefined without a past job of about this size. */
export function estimateOf(shape: Shape, past: readonly Job[]): number | undefined {
  const work = shape.pixels * shape.frames * shape.steps;
  const seconds = past
    .filter((job) => isNear(job.width * job.height, shape.pixels) && isNear(job.frames, shape.frames) && isNear(job.steps, shape.steps))
    .flatMap((job) => {
      const ran = job.timings.run_seconds;
      return ran === null ? [] : [(ran * work) / (job.width * job.height * job.frames * job.steps)];
    })
    .sort((one, other) => one - other);
  return seconds[Math.floor(seconds.length / 2)];
}
