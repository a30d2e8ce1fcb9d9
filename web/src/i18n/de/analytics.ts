/** Texts in German: the page of numbers over time. */
import type { analytics as english } from "../en/analytics";

export const analytics: typeof english = {
  success: "Erfolgsquote",
  mean: "Mittlere Zeit",
  p95: "95. Perzentil",
  waiting: "Mittlere Wartezeit",
  videos: "Länge aller Videos",
  device: "Gerätezeit",
  trend: "Aufträge im Lauf der Zeit",
  depth: "Warteschlange im Lauf der Zeit",
  stages: "Zeit je Stufe",
  byPriority: "Erfolg nach Priorität",
  byModel: "Aufträge nach Modell",
  median: "Median",
  submitted: "Eingereicht",
  export: "Als CSV speichern",
  rate: "Quote",
  jobs: "Aufträge",
};
