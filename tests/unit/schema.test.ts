import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { components, packageSchema, schemaFile } from "../../local/schema/schema";
import * as library from "../../components";

// What other languages see. A change here is one that their programs meet.

jest.setTimeout(120_000);

const published = readFileSync(schemaFile, "utf8");

it("the schema is the one that the types say: `npm run schema` renews it", () => {
  expect(packageSchema()).toBe(published);
});

it("every component of the library is in it", () => {
  const exported = Object.entries(library as Record<string, unknown>)
    .filter(
      ([, one]) => typeof one === "function" && one.prototype instanceof pulumi.ComponentResource,
    )
    .map(([name]) => name);
  expect(exported.sort()).toEqual(components);
  const { resources } = JSON.parse(published) as { resources: object };
  expect(Object.keys(resources).sort()).toEqual(
    components.map((name) => `multiarch:index:${name}`),
  );
});

it("it needs no schema of another package", () => {
  const foreign = [...published.matchAll(/"\$ref": "(?!#\/types\/multiarch:index:)([^"]*)"/g)];
  expect(foreign).toEqual([]);
  expect((JSON.parse(published) as { dependencies: unknown[] }).dependencies).toEqual([]);
});
