import { hostScript } from "../components/targets/host/hostScript";
import { environment } from "../tests/engine/harness";

/** The programs that are compared, with the same images, containers and ports. */

/** What both programs of a pair have in common. */
export interface Common {
  /** `localhost:PORT` of the registry. */
  readonly address: string;
  readonly repository: string;
  /** The host's port of each app. */
  readonly ports: readonly number[];
  readonly builder?: string;
  /** More of the App's `image`. */
  readonly image?: Readonly<Record<string, unknown>>;
  /** The App's `host.architecture`. */
  readonly architecture?: string;
}

/** Does nothing. */
export const empty = "export {};\n";

/** One App for each port. */
export const apps = (common: Common): string =>
  `import * as multiarch from "multiarch";

for (const [nth, port] of ${JSON.stringify(common.ports)}.entries()) {
  new multiarch.App(\`web\${nth}\`, {
    image: ${JSON.stringify(imageOf(common))},
    host: {
      architecture: "${common.architecture ?? "x86_64"}",
      ports: [{ container: 8080, host: port }],
      health: { path: "/" },
    },
  });
}
`;

/** An image for linux/amd64 that nothing runs. */
export const imageOnly = (common: Omit<Common, "ports">): string =>
  `import * as multiarch from "multiarch";

const image = new multiarch.Image("web", ${JSON.stringify({ ...imageOf(common), platforms: ["linux/amd64"] })});
export const digest = image.images.apply((all) => all[0]!.digest);
`;

const imageOf = ({ address, repository, builder, image }: Omit<Common, "ports">) => ({
  context: "./app",
  registry: { address, repository },
  builder: { name: builder ?? environment().builder },
  buildArgs: { BASE: environment().baseImage },
  ...image,
});

/** What may come on top of the five resources, to see what each part of an App costs. */
interface More {
  /** They lie in three components, with outputs like those of an App's. */
  readonly components?: boolean;
  /** The commands that run on the host are given its script. */
  readonly script?: boolean;
}

/** As many resources as an App has, by hand: image, index, a check of the index, pull and container. (An App has one command for index and check, and an identity.) */
export const byHand = (common: Common, { components = false, script = false }: More = {}): string =>
  `import * as command from "@pulumi/command";
import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";

class Part extends pulumi.ComponentResource {
  constructor(type: string, name: string, parent?: pulumi.Resource) {
    super(\`bench:index:\${type}\`, name, { platforms: ["linux/amd64"] }, { parent });
  }
  has(outputs: pulumi.Inputs) {
    this.registerOutputs(outputs);
  }
}
const part = (type: string, name: string, parent?: pulumi.Resource) =>
  ${components} ? new Part(type, name, parent) : undefined;

const repository = "${common.address}/${common.repository}";
for (const [nth, port] of ${JSON.stringify(common.ports)}.entries()) {
  const app = part("App", \`web\${nth}\`);
  const inImage = { parent: part("Image", \`web\${nth}\`, app) };
  const inHost = { parent: part("Host", \`web\${nth}\`, app) };
  const cache = \`\${repository}:cache-\${nth}\`;
  const image = new dockerBuild.Image(
    \`web\${nth}\`,
    {
      context: { location: "./app" },
      platforms: ["linux/amd64"],
      builder: { name: "${common.builder ?? environment().builder}" },
      buildArgs: { BASE: "${environment().baseImage}" },
      cacheFrom: [{ registry: { ref: cache } }],
      cacheTo: [{ registry: { ref: cache, mode: "max", imageManifest: true, ociMediaTypes: true } }],
      tags: [\`\${repository}:web\${nth}-amd64\`],
      push: true,
      buildOnPreview: false,
    },
    inImage,
  );
  const index = new dockerBuild.Index(
    \`web\${nth}\`,
    { tag: \`\${repository}:web\${nth}\`, sources: [image.ref] },
    inImage,
  );
  const check = new command.local.Command(
    \`web\${nth}-check\`,
    { create: pulumi.interpolate\`docker buildx imagetools inspect \${index.ref} | grep -q linux/amd64\` },
    inImage,
  );
  const pull = new command.local.Command(
    \`web\${nth}-pull\`,
    {
      create: pulumi.interpolate\`docker pull \${image.ref}\`,
      stdin: ${script ? JSON.stringify(hostScript("pull")) : undefined},
    },
    { ...inHost, dependsOn: [check] },
  );
  const name = \`bench-by-hand-\${port}\`;
  new command.local.Command(
    \`web\${nth}\`,
    {
      create: pulumi.interpolate\`docker rm -f \${name}; docker run -d --name \${name} -p \${port}:8080 \${image.ref}\`,
      delete: \`docker rm -f \${name}\`,
      stdin: ${script ? JSON.stringify(hostScript("release")) : undefined},
    },
    { ...inHost, dependsOn: [pull] },
  );
  const imageUri = pulumi.all([index.ref, check.urn]).apply(([ref]) => ref);
  const platforms = ["linux/amd64"];
  const commands = { url: \`http://localhost:\${port}\`, logsCommand: "docker logs", shellCommand: "docker exec" };
  inImage.parent?.has({ imageUri, digest: imageUri, platforms, images: [{ ref: imageUri }] });
  inHost.parent?.has({ ...commands, containerName: name });
  app?.has({ ...commands, imageUri, platforms });
}
`;
