/** The formats of `format.ts` in the language of the page. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import * as format from "./format";

export interface Formats {
  count: (number: number) => string;
  shortCount: (number: number) => string;
  share: (part: number | null | undefined) => string;
  decimal: (number: number, digits: number) => string;
  bytes: (number: number) => string;
  length: (seconds: number | null | undefined) => string;
  ago: (time: string | null | undefined) => string;
  isAhead: (time: string | null | undefined) => boolean;
  moment: (time: string | null | undefined) => string;
  clockTime: (time: string | null | undefined) => string;
  /** The day of a moment, such as `Sunday, 29 November 2026`. */
  day: (time: string | null | undefined) => string;
}

/** Return how dates and numbers are written: as in the browser's own region, if it speaks the language of the page. */
export function localeOf(language: string): string {
  return navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
}

export function useFormats(): Formats {
  const language = localeOf(useTranslation().i18n.language);
  return useMemo(
    () => ({
      count: (number) => format.count(number, language),
      shortCount: (number) => format.shortCount(number, language),
      share: (part) => format.share(part, language),
      decimal: (number, digits) => format.decimal(number, digits, language),
      bytes: (number) => format.bytes(number, language),
      length: (seconds) => format.length(seconds, language),
      ago: (time) => format.ago(time, Date.now(), language),
      isAhead: (time) => format.isAhead(time, Date.now()),
      moment: (time) => format.moment(time, language),
      clockTime: (time) => format.clockTime(time, language),
      day: (time) => format.day(time, language),
    }),
    [language],
  );
}
