/**
 * What Pulumi starts for programs in other languages, which see the components through `schema.json`. Pulumi asks Node for the
 * package's folder and so gets `main` of package.json; programs in JavaScript ask for the package's name, and get `exports`.
 *
 * Pulumi would host the components by itself, but reads the schema off the sources at each start, and starts twice in an `up`:
 * twice 5 s and 400 MB. `npm run schema` does it once.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { makeHosted } from "./hosting";
import * as library from "./index";

type Component = new (
  name: string,
  args: never,
  options: pulumi.ComponentResourceOptions,
) => pulumi.ComponentResource;

const schema = readFileSync(join(__dirname, "schema.json"), "utf8");
const { version, resources } = JSON.parse(schema) as {
  readonly version: string;
  readonly resources: Readonly<Record<string, { readonly properties: object }>>;
};
const components = library as unknown as Readonly<Record<string, Component>>;

async function construct(
  name: string,
  type: string,
  inputs: pulumi.Inputs,
  options: pulumi.ComponentResourceOptions,
): Promise<pulumi.provider.ConstructResult> {
  const described = resources[type];
  const Made = components[type.slice(type.lastIndexOf(":") + 1)];
  if (described === undefined || Made === undefined) throw new Error(`there is no ${type}`);
  const { made, work } = await makeHosted(
    options.parent,
    () => new Made(name, inputs as never, options),
  );
  await work;
  const outputs = Object.keys(described.properties);
  const all = made as unknown as Readonly<Record<string, pulumi.Input<unknown>>>;
  return { urn: made.urn, state: Object.fromEntries(outputs.map((key) => [key, all[key]])) };
}

void pulumi.provider.main({ version, schema, construct }, process.argv.slice(2));
