/** Errors of the gateway: RFC 9457 problems, or none at all when it does not answer. */
import type { Problem } from "./types";

/** Status of a request that got no answer. */
export const NO_ANSWER = 0;

export class RequestFailed extends Error {
  readonly status: number;
  readonly reason: string;
  readonly violations: readonly { field: string; message: string }[];

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? "");
    this.name = "RequestFailed";
    this.status = status;
    this.reason = problem.reason ?? "";
    this.violations = problem.violations ?? [];
  }

  get isKeyRefused(): boolean {
    return this.status === 401;
  }
}

/** Return the error of an answer. An answer that is no problem document, such as that of a proxy, has its status only. */
export function failureOf(status: number, body: unknown): RequestFailed {
  const isProblem = typeof body === "object" && body !== null && "reason" in body;
  return new RequestFailed(status, isProblem ? (body as Partial<Problem>) : {});
}

export function isKeyRefused(error: unknown): boolean {
  return error instanceof RequestFailed && error.isKeyRefused;
}
