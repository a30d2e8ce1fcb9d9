/** Answers of the gateway that are read as bytes: files, and exports as they come. */
import { pathOf } from "./address";
import { keyHeaders } from "./gateway";
import { NO_ANSWER, RequestFailed, failureOf } from "./problem";

/** Request an answer with the person's key. Throws `RequestFailed`, and the reason of `signal` once that is aborted. */
export async function fetched(link: string, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(pathOf(link), { headers: keyHeaders(), signal: signal ?? null });
  } catch {
    signal?.throwIfAborted();
    throw new RequestFailed(NO_ANSWER, {});
  }
  if (!response.ok) throw failureOf(response.status, await response.json().catch(() => null));
  return response;
}

/** Return a file of the gateway. Throws as `fetched` does. */
export async function fetchedFile(link: string, signal?: AbortSignal): Promise<Blob> {
  return (await fetched(link, signal)).blob();
}
