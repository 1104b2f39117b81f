import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore, { type RulesetDefinition } from "@stoplight/spectral-core";
import { oas } from "@stoplight/spectral-rulesets";

const { Spectral } = spectralCore;

/** Everything that Spectral's OpenAPI ruleset finds wrong, warnings and hints too. */
export async function spectralFindings(document: string): Promise<string[]> {
  const spectral = new Spectral();
  spectral.setRuleset({ extends: [[oas as RulesetDefinition, "all"]] });
  const found = await spectral.run(document);
  return found.map(({ code, path, message }) => `${code} at ${path.join(".")}: ${message}`);
}

/** Everything that Redocly's recommended ruleset finds wrong, warnings too. */
export async function redoclyFindings(document: string): Promise<string[]> {
  const config = await createConfig({ extends: ["recommended"] });
  const found = await lintFromString({ source: document, absoluteRef: "/openapi.json", config });
  return found.map(({ ruleId, location, message }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
}
