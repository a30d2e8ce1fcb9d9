/** Texts in German: the list of jobs. */
import type { jobs as english } from "../en/jobs";

export const jobs: typeof english = {
  view: "Als Tabelle oder als Wand",
  order: "Reihenfolge",
  toUp: "Größte zuerst. Kleinste zuerst zeigen",
  toDown: "Kleinste zuerst. Größte zuerst zeigen",
  table: "Als Tabelle",
  wall: "Als Bilderwand",
  filters: "Filter",
  first: "Erste Seite",
  last: "Letzte Seite",
  next: "Nächste Seite",
  previous: "Vorige Seite",
  pageSize: "Je Seite",
  page: "Seite {{page}} von {{pages}}",
  of: "{{total}} Aufträge",
  sortBy: "Nach {{field}} ordnen",
  variantsOf: "Varianten von Auftrag {{job}}",
  picture: "Ein Bild von Auftrag {{job}}",
};
