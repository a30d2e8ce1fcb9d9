/** The client of the gateway: typed by its OpenAPI document, with the person's key, and with errors that are thrown. */
import createClient from "openapi-fetch";
import { settings } from "../session/settings";
import { ROOT } from "./address";
import { NO_ANSWER, RequestFailed, failureOf } from "./problem";
import type { paths } from "./rest_types";

/** Headers with the person's key, if there is one. */
export function keyHeaders(): Record<string, string> {
  const key = settings.getState().apiKey;
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export const gateway = createClient<paths>({
  baseUrl: ROOT.replace(/\/$/, ""),
  querySerializer: { array: { style: "form", explode: true } },
});

gateway.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(keyHeaders())) request.headers.set(name, value);
    return request;
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Return the body of an answer. Throws `RequestFailed` if it is an error, or if there is none. */
export async function answered<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new RequestFailed(NO_ANSWER, {});
  }
  if (!answer.response.ok || answer.data === undefined) throw failureOf(answer.response.status, answer.error);
  return answer.data;
}
