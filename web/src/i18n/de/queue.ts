/** Texts in German: pauses of the queue. */
import type { queue as english } from "../en/queue";

export const queue: typeof english = {
  pause: "Warteschlange anhalten",
  pauseHint: "Aufträge aller Mandanten werden angenommen und warten. Laufende gehen weiter.",
  what: "Was",
  whole: "die ganze Warteschlange",
  reason: "Grund",
  reasonHint: "Alle Mandanten lesen ihn. Er darf leer sein.",
  isPaused: "Die Warteschlange ist angehalten.",
  isPausedFor: "Die Warteschlange ist für die Priorität „{{priority}}“ angehalten.",
  since: "Ihre Aufträge warten seit {{time}}.",
  sinceBy: "Ihre Aufträge warten seit {{time}}: {{actor}} hat sie angehalten.",
  reasonIs: "Grund: {{reason}}",
  resumeAll: "Alles fortsetzen",
};
