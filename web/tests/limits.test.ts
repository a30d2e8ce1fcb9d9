/** The limits of the form, as the OpenAPI document of the gateway has them. */
import { expect, test } from "vitest";
import rest from "../../build/web/rest.json?raw";
import { LIMITS } from "../src/pages/generate/limits";

interface Rules {
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  anyOf?: Rules[];
}

const { components } = JSON.parse(rest) as { components: { schemas: Record<string, { properties: Record<string, Rules> }> } };

function limitOf(field: string): number | undefined {
  const schema = components.schemas[field === "weight" ? "GenerateLora" : "GenerateRequest"];
  const rules = schema?.properties[field];
  return rules?.anyOf?.map(({ maximum, maxLength, maxItems }) => maximum ?? maxLength ?? maxItems).find((limit) => limit !== undefined);
}

test.each(Object.entries(LIMITS))("the greatest %s is %i, as the server says", (field, limit) => {
  expect(limitOf(field)).toBe(limit);
});
