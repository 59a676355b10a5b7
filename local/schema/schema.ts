import { join } from "node:path";
import { Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer";
import { generateSchema } from "@pulumi/pulumi/provider/experimental/schema";
import { checkout } from "../paths";
import manifest from "../../package.json";

/** The components that programs in other languages may use. */
export const components = [
  "App",
  "Ec2Target",
  "EcsTarget",
  "HostTarget",
  "Image",
  "LambdaTarget",
  "Repository",
];

/** Where the package's schema lies, which is published with it. */
export const schemaFile = join(checkout, "components", "schema.json");

/** The two that would be the arguments of a component of that name in Go and Python. */
const renamed: Readonly<Record<string, string>> = {
  ImageArgs: "AppImage",
  RepositoryArgs: "AppRepository",
};

/** Reads the package's schema off the types of `components/`, with Pulumi's own analyzer, as the text of the file. */
export function packageSchema(): string {
  const entry = { main: "../../components/index.ts" };
  const analyzer = new Analyzer(__dirname, manifest.name, entry, new Set(components));
  // Pulumi's analyzer refuses resources of the package itself. Marked here, they are left out of the outputs below.
  const own = { dependency: { name: manifest.name, version: manifest.version }, pulumiType: "own" };
  Object.assign(analyzer, { getResourceType: () => own });
  const analyzed = analyzer.analyze();
  for (const { name, inputs, outputs } of Object.values(analyzed.components)) {
    for (const [field, type] of Object.entries(outputs)) if (isOwn(type)) delete outputs[field];
    for (const [field, type] of Object.entries(inputs))
      if (isOwn(type))
        throw new Error(`${name}.${field}: a resource can't be given in other languages`);
  }
  const schema = generateSchema(
    manifest.name,
    manifest.version,
    manifest.description,
    analyzed.components,
    analyzed.typeDefinitions,
    analyzed.dependencies.filter(({ name }) => name !== manifest.name),
  );
  // Languages that need it append Args to the name of a type.
  const text = JSON.stringify(schema, undefined, 2).replace(
    /(?<=:index:)(\w+)Args(?=")/g,
    (name, stem: string) => renamed[name] ?? stem,
  );
  return `${text}\n`;
}

function isOwn(type: object): boolean {
  return "$ref" in type && String(type.$ref).endsWith("/own");
}
