/** Checks of signed heads, against trees that are computed as RFC 9162 defines them, and a head that the projector signed. */
import { expect, test } from "vitest";
import { isContinued, isSigned } from "../src/api/head_proof";

const LEAVES = 17;

type Hash = Uint8Array<ArrayBuffer>;

async function hash(...parts: readonly (readonly number[] | Hash)[]): Promise<Hash> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(parts.flatMap((part) => [...part]))));
}

const leaves = await Promise.all(Array.from({ length: LEAVES }, (_, number) => hash([0, number])));

/** The largest power of two below a number. */
function splitOf(number: number): number {
  return 2 ** (Math.ceil(Math.log2(number)) - 1);
}

async function rootOf(some: readonly Hash[]): Promise<Hash> {
  const [only, ...others] = some;
  if (only !== undefined && others.length === 0) return only;
  const split = splitOf(some.length);
  return hash([1], await rootOf(some.slice(0, split)), await rootOf(some.slice(split)));
}

/** SUBPROOF of section 2.1.4.1. */
async function proofOf(first: number, some: readonly Hash[], isWhole: boolean): Promise<Hash[]> {
  if (first === some.length) return isWhole ? [] : [await rootOf(some)];
  const split = splitOf(some.length);
  if (first <= split) return [...(await proofOf(first, some.slice(0, split), isWhole)), await rootOf(some.slice(split))];
  return [...(await proofOf(first - split, some.slice(split), false)), await rootOf(some.slice(0, split))];
}

const hex = (bytes: Hash): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

test("a tree continues each earlier one, and no other", async () => {
  const other = hex(await hash([7]));
  for (let second = 1; second <= LEAVES; second += 1) {
    const root = hex(await rootOf(leaves.slice(0, second)));
    for (let first = 1; first <= second; first += 1) {
      const before = hex(await rootOf(leaves.slice(0, first)));
      const proof = first === second ? [] : (await proofOf(first, leaves.slice(0, second), true)).map(hex);
      expect(await isContinued(first, before, second, root, proof), `${first} of ${second}`).toBe(true);
      expect(await isContinued(first, other, second, root, proof)).toBe(false);
      expect(await isContinued(first, before, second, other, proof)).toBe(false);
      expect(await isContinued(first, before, second, root, [...proof, other])).toBe(false);
      for (let changed = 0; changed < proof.length; changed += 1) {
        expect(await isContinued(first, before, second, root, proof.with(changed, other))).toBe(false);
        expect(await isContinued(first, before, second, root, proof.toSpliced(changed, 1))).toBe(false);
      }
    }
  }
  expect(await isContinued(3, other, 2, other, [])).toBe(false);
});

const HEAD = {
  origin: "kinolog-log/6e340b9cffb37a98",
  size: 1200,
  root: "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283",
  key: "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
  note:
    "kinolog-log/6e340b9cffb37a98\n1200\nZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\ntime 2026-11-28T12:00:00+00:00\n\n" +
    "— kinolog-log/6e340b9cffb37a98 PG9Al1QO4Db7IDC+VjwUoairZ6mC5ieT8cCu0WbC0xFd5J3bahZiGG2cSpZzBt+wYlTGDDB2Dtr7UGpePd1aHfeg0AY=\n",
};

test("a head that was signed so is genuine", async () => {
  expect(await isSigned(HEAD)).toBe(true);
});

test.each([
  ["another size", { size: 1201 }],
  ["another root", { root: HEAD.root.replace("64", "65") }],
  ["another log", { origin: "kinolog-log/6e340b9cffb37a99" }],
  ["another key", { key: HEAD.key.replace("03", "04") }],
  ["another size in the note", { size: 1201, note: HEAD.note.replace("1200", "1201") }],
  ["another time in the note", { note: HEAD.note.replace("12:00", "13:00") }],
  ["no signature", { note: HEAD.note.slice(0, HEAD.note.indexOf("—")) }],
  ["a signature that is no base64", { note: HEAD.note.replace("PG9A", "P.9A") }],
  ["no text", { note: "" }],
  ["no key", { key: "" }],
])("%s is not what was signed", async (_, change) => {
  expect(await isSigned({ ...HEAD, ...change })).toBe(false);
});
