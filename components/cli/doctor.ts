import { join } from "node:path";
import { docker, enginePlatform } from "../command";
import { emulatorCommand } from "../builders/emulators";
import { type BuilderFacts, inspectBuilder, manner, withoutBuilder } from "../builders/facts";
import { printable } from "../errors";
import { explain } from "../image/explain";
import { parseObject, slurp } from "../registry/attempt";
import type { Access } from "../registry/client";
import { type Login, useLogins } from "../registry/dockerConfig";
import { parseReference } from "../registry/reference";
import { inspect } from "../verification/inspect";

/** What is looked at besides this machine. */
export interface Patient {
  /** @default the one that a build without `builder` uses */
  readonly builder?: string;
  /** `ghcr.io/team/web`. @default none */
  readonly repository?: string;
}

/** One thing that was looked at; `fix` where it isn't as it should be. */
interface Finding {
  readonly what: string;
  readonly fix?: string;
}

const good = (what: string): Finding => ({ what });
const wrong = (what: string, fix: string): Finding => ({ what, fix });

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
      const shown = printable(what);
      print(
        fix === undefined ? `ok     ${shown}\n` : `wrong  ${shown}\n       ${printable(fix)}\n`,
      );
    }
  };
  tell(await machine());
  // Without Docker's client and buildx there is nobody to ask the rest.
  if (ill) return 1;
  const facts = await inspectBuilder(builder);
  tell(builderFindings(facts));
  if (repository !== undefined) tell(await registryFindings(repository, facts, access));
  return ill ? 1 : 0;
}

async function machine(): Promise<Finding[]> {
  const node = good(`Node ${process.version} on ${process.platform}/${process.arch}`);
  const client = await docker(["--version"], 5000);
  if (!client.ok) {
    const fix = "install Docker, or its client with the buildx plugin";
    return [node, wrong("there is no docker client here", fix)];
  }
  const buildx = await docker(["buildx", "version"], 5000);
  const { platform } = await enginePlatform(5000);
  // Builds and pushes need none.
  const engine =
    platform !== undefined
      ? `a container engine for ${platform}: targets \`host\`, \`load\` and verify.depth "run" work here`
      : `no container engine answers: \`host\`, \`load\` and verify.depth "run" need one, builds don't`;
  return [
    node,
    good(client.stdout.trim()),
    buildx.ok
      ? good(`buildx ${buildx.stdout.trim().split(" ")[1] ?? ""}`)
      : wrong(
          "Docker's client lacks buildx",
          "install the docker-buildx plugin (https://docs.docker.com/build/install-buildx/)",
        ),
    good(engine),
  ];
}

function builderFindings(facts: BuilderFacts): Finding[] {
  const create = `write builder: { name: "multi", driver: "docker-container" }, and the first \`pulumi up\` makes it`;
  switch (facts.state) {
    case "unknown":
      return [wrong(`the builder can't be asked (${facts.detail})`, "see to the above")];
    case "new":
      return [wrong(withoutBuilder.new, create)];
    case "missing":
      return [wrong(`there is no builder "${facts.name}"`, create)];
    case "unreachable":
      return [
        wrong(
          `builder "${facts.name}" doesn't answer at ${facts.endpoints.join(", ")} (${facts.detail})`,
          "start it, or name another with --builder",
        ),
      ];
    case "stopped":
      return [good(`builder "${facts.name}" isn't running; the first build starts it`)];
    case "ready":
      if (facts.driver === "docker")
        return [
          wrong(
            `builder "${facts.name}" has the docker driver, which can't push images of several platforms`,
            create,
          ),
        ];
      return usual.map((platform) =>
        facts.platforms.includes(platform)
          ? good(`builder "${facts.name}" builds ${manner(platform, facts.own)}`)
          : wrong(
              `builder "${facts.name}" doesn't build ${platform}`,
              `write installEmulators: true, or register QEMU on its machine: ${emulatorCommand(platform)}`,
            ),
      );
  }
}

/** The probe: an index of two platforms with nothing but a label in it, pushed by digest and read back. */
async function registryFindings(
  repository: string,
  facts: BuilderFacts,
  access: Access,
): Promise<Finding[]> {
  const parsed = parseReference(repository);
  const { tag, digest } = parsed.ok ? parsed.reference : {};
  if (!parsed.ok || tag !== undefined || digest !== undefined) {
    const why = parsed.ok ? "holds a tag or a digest" : parsed.error;
    return [wrong(`${repository}: ${why}`, "write for example ghcr.io/team/web")];
  }
  if (facts.state !== "ready" || facts.driver === "docker")
    return [
      wrong(`${repository} wasn't tried: no builder pushes to it`, "see to the builder first"),
    ];
  const { registry } = parsed.reference;
  const { name: builder } = facts;
  const { username = "", password } = access;
  try {
    const logins = password === undefined ? [] : [{ address: registry, username, password }];
    const pushed = await pushProbe(repository, builder, logins);
    const { platforms } = await inspect(`${repository}@${pushed}`, access, { wait: 3000 });
    const lost = usual.filter((platform) => !platforms.includes(platform));
    if (lost.length === 0)
      return [
        good(`${repository} takes indexes, and these credentials push to it and read from it`),
      ];
    return [
      wrong(
        `${repository} accepted an index and dropped ${lost.join(" and ")} from it`,
        "take another registry, or one platform with image.index: false",
      ),
    ];
  } catch (error) {
    const raw = (error as Error).message;
    const reason = explain(raw, {
      ...{ subject: "the index", builder, registry },
      path: (field) => `image.${field}`,
      credentials: password === undefined ? "stored" : "given",
    });
    return [wrong(`${repository}: ${raw}`, reason ?? "see the line above")];
  }
}

/** Pushes the probe. Gives its digest. */
async function pushProbe(
  repository: string,
  builder: string,
  logins: readonly Login[],
): Promise<string> {
  const settings = useLogins(logins, [repository]);
  const metadata = join(settings.env.DOCKER_CONFIG!, "metadata.json");
  const output = `type=image,name=${repository},push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true`;
  const args = [
    ...["buildx", "build", "--progress=plain", "--provenance=false", "--platform", usual.join(",")],
    ...["--builder", builder],
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
