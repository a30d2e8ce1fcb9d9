/** The languages of the page. English is there from the start, another one is loaded when it is chosen. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { LANGUAGES, type Language, settings } from "../session/settings";
import { type Texts, en } from "./en";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: Texts };
  }
}

const LOADERS: Record<Exclude<Language, "en">, () => Promise<Texts>> = {
  de: async () => (await import("./de")).de,
};

/** Return the language that the person chose, or else the first of the browser's that the page has. */
function chosenLanguage(): Language {
  const { language } = settings.getState();
  if (language !== "") return language;
  const spoken = navigator.languages.map((tag) => tag.split("-")[0]);
  return LANGUAGES.find((each) => spoken.includes(each)) ?? "en";
}

async function switchTo(language: Language): Promise<void> {
  if (language !== "en" && !i18next.hasResourceBundle(language, "translation")) {
    i18next.addResourceBundle(language, "translation", await LOADERS[language]());
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

export async function startTexts(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
  });
  await switchTo(chosenLanguage());
  settings.subscribe((state, previous) => {
    if (state.language !== previous.language) void switchTo(chosenLanguage());
  });
}
