/** The texts of all languages: each says the same with the same parts, in its own words. */
import { expect, test } from "vitest";
import { de } from "../src/i18n/de";
import { en } from "../src/i18n/en";

/** Words that German has from English, or shares with it. */
const SHARED = new Set(
  "kinolog turbo Status Prompt Guidance Seed Worker Hardware Position Codec Scheduler Hash Manifest Median Name GIF Commits Log Format English Deutsch".split(" "),
);

type Leaves = Map<string, string>;

function leavesOf(texts: object, path = "", found: Leaves = new Map()): Leaves {
  for (const [key, value] of Object.entries(texts)) {
    const name = path === "" ? key : `${path}.${key}`;
    if (typeof value === "string") found.set(name, value);
    else leavesOf(value as object, name, found);
  }
  return found;
}

/** Return what a text takes from outside, such as `{{count, number}}`. */
function partsOf(text: string): string[] {
  return (text.match(/\{\{[^}]+\}\}/g) ?? []).sort();
}

// Sentences for codes of the server are in languages other than its own alone.
const english = leavesOf({ ...en, problems: {}, problemsWithDetail: {} });
const german = leavesOf({ ...de, problems: {}, problemsWithDetail: {} });

test("German has every text that English has, and no other", () => {
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
});

test("a text has the same parts in both languages", () => {
  const different = [...english].filter(([name, text]) => String(partsOf(text)) !== String(partsOf(german.get(name) ?? "")));
  expect(different).toEqual([]);
});

test("no text was left in English, but for words that German shares", () => {
  const equal = [...english].filter(([name, text]) => german.get(name) === text && /\p{L}/u.test(text.replaceAll(/\{\{[^}]+\}\}/g, "")));
  expect(equal.filter(([, text]) => !SHARED.has(text))).toEqual([]);
});

test("no German text has an English word", () => {
  const all = [...german, ...leavesOf(de.problems), ...leavesOf(de.problemsWithDetail)];
  expect(all.filter(([, text]) => /\b(the|your|you|cannot|this|and|of|is|are|not)\b/i.test(text))).toEqual([]);
});

test("a code of the server has one sentence", () => {
  expect(Object.keys(de.problems).filter((code) => code in de.problemsWithDetail)).toEqual([]);
});
