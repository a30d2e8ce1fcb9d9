/** The sentence for an error: that of the server, or one about a missing answer. */
import { useTranslation } from "react-i18next";
import { NO_ANSWER, RequestFailed } from "../api/problem";

export function useErrorText(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (!(error instanceof RequestFailed)) return t("errors.load");
    if (error.status === NO_ANSWER) return t("errors.noAnswer");
    return error.message || t("errors.status", { status: error.status });
  };
}
