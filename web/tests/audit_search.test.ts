/** What the address of the page of audits says, and what a message says of a question. */
import { expect, test } from "vitest";
import { auditParamsOf, auditSearchOf, conditionOf, momentOf, withCondition, wrongWordOf } from "../src/pages/audit/audit_search";

function searchOf(address: string): ReturnType<typeof auditSearchOf> {
  return auditSearchOf(new URLSearchParams(address));
}

test("an address names the tab by what it has, or by its name", () => {
  expect(searchOf("").tab).toBe("search");
  expect(searchOf("q=actor%3Dalice").tab).toBe("search");
  expect(searchOf("at=42").tab).toBe("past");
  expect(searchOf("at=42&q=actor%3Dalice").tab).toBe("search");
  expect(searchOf("at=42&q=actor%3Dalice&tab=past").tab).toBe("past");
  expect(searchOf(`job=${"a".repeat(26)}`).tab).toBe("verify");
  expect(searchOf("tab=nonsense").tab).toBe("search");
});

test.each(["", "q=actor%3Dalice+since%3D7d&order=oldest&show=who&tab=past", "at=42", "at=2026-11-22T15:00:00Z&q=x", `job=${"a".repeat(26)}&at=7`, "tab=export"])(
  "the address %s keeps every part of what is shown",
  (address) => {
    const search = searchOf(address);
    expect(auditSearchOf(auditParamsOf(search))).toEqual(search);
  },
);

test("a moment is a position or a time with a zone", () => {
  expect(momentOf("42")).toBe("42");
  expect(momentOf("2026-11-22T15:00:00.123456+01:00")).toBe("2026-11-22T15:00:00.123456+01:00");
  expect(momentOf("2026-11-22T15:00")).toBe(new Date("2026-11-22T15:00").toISOString());
  expect(momentOf("yesterday")).toBeUndefined();
  expect(momentOf(null)).toBeUndefined();
});

test("a message names the word that is wrong, and where it begins", () => {
  expect(wrongWordOf("at column 11, `colour=red`: there is no field colour")).toEqual({ column: 11, word: "colour=red", problem: "there is no field colour" });
  expect(wrongWordOf("the question has more than 4000 characters")).toBeUndefined();
});

test("a condition with blanks, commas or quotes is quoted, and added once", () => {
  expect(conditionOf("actor", "alice")).toBe("actor=alice");
  expect(conditionOf("actor", 'ann "b" \\ c')).toBe('actor="ann \\"b\\" \\\\ c"');
  expect(withCondition(" ", "event=failed")).toBe("event=failed");
  expect(withCondition("since=7d ", "event=failed")).toBe("since=7d event=failed");
  expect(withCondition("since=7d event=failed", "since=7d")).toBe("since=7d event=failed");
});
