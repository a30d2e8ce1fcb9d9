/** Names of the gateway in the language of the page. A name that this page does not know yet is shown as it is. */
import { useTranslation } from "react-i18next";
import { en } from "../i18n/en";

export interface Names {
  stage: (name: string | null | undefined) => string;
  event: (name: string) => string;
  /** An event of a history, with its stage and scene. */
  eventOf: (event: { type: string; data: Readonly<Record<string, unknown>> }) => string;
  /** Empty for a camera that stands still. */
  camera: (name: string) => string;
  transition: (name: string) => string;
  profile: (name: string) => string;
  weekday: (name: keyof typeof en.schedules.weekdayOf) => string;
}

function asWords(name: string): string {
  return name.replaceAll("_", " ");
}

function isKey<Names extends object>(names: Names, name: string): name is Extract<keyof Names, string> {
  return Object.hasOwn(names, name);
}

export function useNames(): Names {
  const { t } = useTranslation();
  const stage = (name: string | null | undefined): string => {
    if (!name) return t("stage.none");
    return isKey(en.stage, name) ? t(`stage.${name}`) : asWords(name);
  };
  const event = (name: string): string => (isKey(en.event, name) ? t(`event.${name}`) : asWords(name));
  return {
    stage,
    event,
    eventOf: ({ type, data }) => {
      const parts = [
        typeof data["stage"] === "string" ? stage(data["stage"]) : "",
        typeof data["scene"] === "number" ? t("job.scene", { number: data["scene"] + 1 }) : "",
      ].filter(Boolean);
      return parts.length > 0 ? `${parts.join(", ")}: ${event(type)}` : event(type);
    },
    camera: (name) => {
      if (name === "" || name === "static") return "";
      return isKey(en.camera, name) ? t(`camera.${name}`) : asWords(name);
    },
    transition: (name) => (isKey(en.transition, name) ? t(`transition.${name}`) : asWords(name)),
    weekday: (name) => t(`schedules.weekdayOf.${name}`),
    profile: (name) => (isKey(en.profile, name) ? t(`profile.${name}`) : name),
  };
}
