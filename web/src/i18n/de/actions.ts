/** Texts in German: what a person can do, and the questions before it. */
import type { actions as english } from "../en/actions";

export const actions: typeof english = {
  actions: {
    selectAll: "Alle {{total}} Aufträge des Filters auswählen",
    remaining: "{{count, number}} Aufträge: erledigt. {{remaining, number}} weitere passen: Wiederholen Sie es für diese.",
    cancel: "Abbrechen",
    retry: "Wiederholen",
    reprioritize: "Priorität ändern",
    erase: "Löschen",
    download: "Herunterladen",
    again: "Noch einmal",
    reproduce: "Nachrechnen",
    open: "Öffnen",
    save: "Speichern",
    reset: "Zurücksetzen",
    clear: "Leeren",
    copy: "Kopieren",
    keep: "Nein",
    clearFilters: "Filter aufheben",
    selectPage: "Alle Aufträge dieser Seite wählen",
    selectJob: "Auftrag {{job}} wählen",
    selected_one: "{{count}} Auftrag gewählt",
    selected_other: "{{count, number}} Aufträge gewählt",
    done_one: "{{count}} Auftrag: erledigt",
    done_other: "{{count, number}} Aufträge: erledigt",
    partly: "{{done, number}} von {{all, number}} erledigt:",
  },
  confirm: {
    all: {
      cancel: "Alle wartenden und laufenden Aufträge dieses Filters abbrechen?",
      retry: "Alle fehlgeschlagenen und abgebrochenen Aufträge dieses Filters wieder einreihen?",
      reprioritize: "Die Priorität aller wartenden und laufenden Aufträge dieses Filters ändern?",
      erase: "Prompts und Dateien aller beendeten Aufträge dieses Filters löschen? Ihre Geschichte bleibt. Das ist endgültig.",
    },
    cancel_one: "Diesen Auftrag abbrechen?",
    cancel_other: "{{count, number}} Aufträge abbrechen?",
    retry_one: "Diesen Auftrag wieder einreihen?",
    retry_other: "{{count, number}} Aufträge wieder einreihen?",
    reprioritize_one: "Die Priorität dieses Auftrags ändern?",
    reprioritize_other: "Die Priorität von {{count, number}} Aufträgen ändern?",
    erase_one: "Prompt und Dateien dieses Auftrags löschen? Seine Geschichte bleibt. Das lässt sich nicht rückgängig machen.",
    erase_other:
      "Prompts und Dateien von {{count, number}} Aufträgen löschen? Ihre Geschichte bleibt. Das lässt sich nicht rückgängig machen.",
    reproduce: "Diesen Auftrag nach seinen Aufzeichnungen noch einmal rendern und die beiden Videos vergleichen? Es dauert so lange wie beim ersten Mal.",
    yes: "Ja",
  },
};
