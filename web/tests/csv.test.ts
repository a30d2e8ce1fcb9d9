import { expect, test } from "vitest";
import { csv } from "../src/pages/analytics/csv";

test("cells are quoted where they need it, and no text is a formula", () => {
  expect(csv([["a", 1, null], ['say "hi", you', "=1+1", "-x"], [-2]])).toBe(
    'a,1,\r\n"say ""hi"", you",\'=1+1,\'-x\r\n-2\r\n',
  );
});
