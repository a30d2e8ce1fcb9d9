/** The sentence for an error: that of the page for a missing answer or a code that it has words for, or that of the server. */
import { useTranslation } from "react-i18next";
import { NO_ANSWER, RequestFailed } from "../api/problem";
import { useSettings } from "../session/settings";

export interface ErrorText {
  text: string;
  /** Whether it is a sentence of the server, which speaks English alone. */
  isEnglish: boolean;
}

export function useErrorText(): (error: unknown) => ErrorText {
  const { t, i18n } = useTranslation();
  const hasKey = useSettings((state) => state.apiKey !== "");
  const own = (text: string): ErrorText => ({ text, isEnglish: false });
  return (error) => {
    if (!(error instanceof RequestFailed)) return own(t("errors.load"));
    if (error.status === NO_ANSWER) return own(t("errors.noAnswer"));
    if (error.isKeyRefused) return own(t(hasKey ? "live.refused" : "live.noKey"));
    if (error.reason !== "" && i18n.exists(`problems.${error.reason}`)) return own(t(`problems.${error.reason}`));
    if (error.message === "") return own(t("errors.status", { status: error.status }));
    return { text: error.message, isEnglish: true };
  };
}
