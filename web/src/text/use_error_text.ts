/** The words for an error: the page's own for a missing answer or a code that it has words for, and what the server says. */
import { useTranslation } from "react-i18next";
import { NO_ANSWER, RequestFailed } from "../api/problem";
import { useSettings } from "../session/settings";

export interface ErrorText {
  /** A sentence of the page; empty if it has none. */
  text: string;
  /** What the server says of it, in English; empty if the sentence of the page has it all. */
  detail: string;
}

/** Codes of an answer to a request without a key that the server knows. The page says whether it has one. */
const UNKNOWN_KEY = new Set(["", "KEY_REQUIRED"]);

export function useErrorText(): (error: unknown) => ErrorText {
  const { t, i18n } = useTranslation();
  const hasKey = useSettings((state) => state.apiKey !== "");
  const own = (text: string): ErrorText => ({ text, detail: "" });
  return (error) => {
    if (!(error instanceof RequestFailed)) return own(t("errors.load"));
    const { status, reason, message } = error;
    if (status === NO_ANSWER) return own(t("errors.noAnswer"));
    if (error.isKeyRefused && UNKNOWN_KEY.has(reason)) return own(t(hasKey ? "live.refused" : "live.noKey"));
    if (reason !== "" && i18n.exists(`problems.${reason}`)) return own(t(`problems.${reason}`));
    if (message === "") return own(t("errors.status", { status }));
    const isOpened = reason !== "" && i18n.exists(`problemsWithDetail.${reason}`);
    return { text: isOpened ? t(`problemsWithDetail.${reason}`) : "", detail: message };
  };
}
