/** Tables as CSV (RFC 4180). */
import { saveBlob } from "../../api/save_blob";

type Cell = string | number | null;

/** Return one cell. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Save a text as a file. */
export function save(name: string, text: string): void {
  saveBlob(name, new Blob([text], { type: "text/csv" }));
}
