import { join } from "node:path";
import { docker, enginePlatform } from "../command";
import { emulatorCommand } from "../builders/emulators";
import { type BuilderFacts, inspectBuilder, isNative } from "../builders/facts";
import { explain } from "../image/explain";
import { parseObject, slurp } from "../registry/attempt";
import type { Access } from "../registry/client";
import { type Login, useLogins } from "../registry/dockerConfig";
import { parseReference } from "../registry/reference";
import { inspect } from "../verification/inspect";

/** What is looked at besides this machine. */
export interface Patient {
  /** @default the selected one */
  readonly builder?: string;
  /** `ghcr.io/team/web`. @default none */
  readonly repository?: string;
}

/** One thing that was looked at; `fix` where it isn't as it should be. */
interface Finding {
  readonly what: string;
  readonly fix?: string;
}

/** The platforms that the architectures of AWS and most hosts need. */
const usual = ["linux/amd64", "linux/arm64"];

/** Looks at this machine, a builder and a repository. Gives 1 where something needs mending. */
export async function doctor(
  { builder, repository }: Patient,
  access: Access,
  print: (text: string) => void,
): Promise<number> {
  let ill = false;
  const tell = (found: readonly Finding[]) => {
    for (const { what, fix } of found) {
      ill ||= fix !== undefined;
      print(fix === undefined ? `ok     ${what}\n` : `wrong  ${what}\n       ${fix}\n`);
    }
  };
  tell(await machine());
  // Without Docker's client and buildx there is nobody to ask the rest.
  if (ill) return 1;
  const facts = await inspectBuilder(builder);
  tell(builderFindings(facts));
  if (repository !== undefined) tell(await registryFindings(repository, builder, facts, access));
  return ill ? 1 : 0;
}

async function machine(): Promise<Finding[]> {
  const found: Finding[] = [
    { what: `Node ${process.version} on ${process.platform}/${process.arch}` },
  ];
  const client = await docker(["--version"], 5000);
  if (!client.ok)
    return [
      ...found,
      {
        what: "there is no docker client here",
        fix: "install Docker, or its client with the buildx plugin",
      },
    ];
  found.push({ what: client.stdout.trim() });
  const buildx = await docker(["buildx", "version"], 5000);
  found.push(
    buildx.ok
      ? { what: `buildx ${buildx.stdout.trim().split(" ")[1] ?? ""}` }
      : {
          what: "Docker's client lacks buildx",
          fix: "install the docker-buildx plugin (https://docs.docker.com/build/install-buildx/)",
        },
  );
  const { platform } = await enginePlatform(5000);
  // Builds and pushes need none.
  found.push({
    what:
      platform !== undefined
        ? `a container engine for ${platform}: targets \`host\`, \`load\` and verify.depth "run" work here`
        : `no container engine answers: \`host\`, \`load\` and verify.depth "run" need one, builds don't`,
  });
  return found;
}

function builderFindings(facts: BuilderFacts): Finding[] {
  const create = `write builder: { name: "multi", driver: "docker-container" }, and the first \`pulumi up\` makes it`;
  switch (facts.state) {
    case "unknown":
      return [{ what: `the builder can't be asked (${facts.detail})`, fix: "see to the above" }];
    case "missing":
      return [{ what: `there is no builder "${facts.name}"`, fix: create }];
    case "unreachable":
      return [
        {
          what: `builder "${facts.name}" doesn't answer at ${facts.endpoints.join(", ")} (${facts.detail})`,
          fix: "start it, or name another with --builder",
        },
      ];
    case "stopped":
      return [{ what: `builder "${facts.name}" isn't running; the first build starts it` }];
    case "ready":
      if (facts.driver === "docker")
        return [
          {
            what: `builder "${facts.name}" has the docker driver, which can't push images of several platforms`,
            fix: create,
          },
        ];
      return usual.map((platform) =>
        facts.platforms.includes(platform)
          ? {
              what: `builder "${facts.name}" builds ${platform} ${isNative(platform, facts.own) ? "natively" : "emulated by QEMU"}`,
            }
          : {
              what: `builder "${facts.name}" doesn't build ${platform}`,
              fix: `write installEmulators: true, or register QEMU on its machine: ${emulatorCommand(platform)}`,
            },
      );
  }
}

/** The probe: an index of two platforms with nothing but a label in it, pushed by digest and read back. */
async function registryFindings(
  repository: string,
  builder: string | undefined,
  facts: BuilderFacts,
  access: Access,
): Promise<Finding[]> {
  const parsed = parseReference(repository);
  const { tag, digest } = parsed.ok ? parsed.reference : {};
  if (!parsed.ok || tag !== undefined || digest !== undefined) {
    const why = parsed.ok ? "holds a tag or a digest" : parsed.error;
    return [{ what: `${repository}: ${why}`, fix: "write for example ghcr.io/team/web" }];
  }
  if (facts.state !== "ready" || facts.driver === "docker")
    return [
      {
        what: `${repository} wasn't tried: no builder pushes to it`,
        fix: "see to the builder first",
      },
    ];
  const { registry } = parsed.reference;
  const { username = "", password } = access;
  try {
    const logins = password === undefined ? [] : [{ address: registry, username, password }];
    const pushed = await pushProbe(repository, builder, logins);
    const { platforms } = await inspect(`${repository}@${pushed}`, access, { wait: 3000 });
    const lost = usual.filter((platform) => !platforms.includes(platform));
    if (lost.length === 0)
      return [
        { what: `${repository} takes indexes, and these credentials push to it and read from it` },
      ];
    return [
      {
        what: `${repository} accepted an index and dropped ${lost.join(" and ")} from it`,
        fix: "take another registry, or one platform with image.index: false",
      },
    ];
  } catch (error) {
    const raw = (error as Error).message;
    const place = {
      subject: "the index",
      builder,
      registry,
      path: (field: string) => `image.${field}`,
    };
    const credentials = password === undefined ? "stored" : "given";
    const reason = explain(raw, { ...place, credentials });
    return [{ what: `${repository}: ${raw}`, fix: reason ?? "see the line above" }];
  }
}

/** Pushes the probe. Gives its digest. */
async function pushProbe(
  repository: string,
  builder: string | undefined,
  logins: readonly Login[],
): Promise<string> {
  const settings = useLogins(logins);
  const metadata = join(settings.env.DOCKER_CONFIG!, "metadata.json");
  const output = `type=image,name=${repository},push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true`;
  const args = [
    ...["buildx", "build", "--progress=plain", "--provenance=false", "--platform", usual.join(",")],
    ...(builder === undefined ? [] : ["--builder", builder]),
    ...["--output", output, "--metadata-file", metadata, "-"],
  ];
  const input = "FROM scratch\nLABEL org.opencontainers.image.title=probe\n";
  try {
    const { ok, stderr, detail } = await docker(args, 60_000, { env: settings.env, input });
    const { "containerimage.digest": digest } = parseObject(slurp(metadata)) ?? {};
    if (ok && digest !== undefined) return digest as string;
    throw new Error(
      stderr.split("\n").find((line) => line.startsWith("ERROR: failed to")) ?? detail,
    );
  } finally {
    settings.close();
  }
}
