/** Names of the gateway in the language of the page. A name that this page does not know yet is shown as it is. */
import { useTranslation } from "react-i18next";
import { en } from "../i18n/en";

export interface Names {
  stage: (name: string | null | undefined) => string;
}

export function useNames(): Names {
  const { t } = useTranslation();
  return {
    stage: (name) => {
      if (!name) return t("stage.none");
      return name in en.stage ? t(`stage.${name as keyof typeof en.stage}`) : name.replaceAll("_", " ");
    },
  };
}
