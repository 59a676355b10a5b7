import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as command from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";
import { describeProblems } from "../errors";
import { Architecture, parseArchitecture } from "../platform";
import { refuse } from "../refuse";
import type { HostTargetArgs } from "./hostArgs";
import { hostProblems } from "./hostProblems";
import { watchContainer } from "./hostWatch";
import {
  type HostIdentity,
  hostIdentity,
  hostUrl,
  pullSettings,
  releaseSettings,
} from "./hostSettings";

export * from "./hostArgs";
export { hostProblems } from "./hostProblems";

/**
 * Runs an image as a container on this machine, with Docker or Podman. A new release is found healthy before the old one is
 * stopped; where it isn't, the update fails with its last log lines and the old one serves on.
 *
 * @example
 * ```typescript
 * const web = new multiarch.HostTarget("web", {
 *   image: "registry.example.com/web@sha256:…",
 *   ports: [{ container: 8080 }],
 *   health: { path: "/health" },
 * });
 * export const url = web.url;
 * ```
 */
export class HostTarget extends pulumi.ComponentResource {
  /** The address of the port that is asked for health, else of the first; empty where no port is given. */
  public readonly url: pulumi.Output<string>;
  /** The command that shows the logs of the release that serves. (With Podman: `podman` in place of `docker`.) */
  public readonly logsCommand: pulumi.Output<string>;
  /** The name of the container that serves; with `-previous` behind it, that of the one before, which is stopped. */
  public readonly containerName: pulumi.Output<string>;

  /**
   * @throws pulumi.RunError with a line for each thing that is wrong with the arguments
   */
  constructor(name: string, args: HostTargetArgs, opts?: pulumi.ComponentResourceOptions) {
    const problems = hostProblems(args);
    if ((args?.registry?.username === undefined) !== (args?.registry?.password === undefined))
      problems.push({
        path: "registry",
        what: "has one of username and password",
        fix: "give both, or neither to use the credentials stored on the host",
      });
    refuse(name, problems);

    // Credentials change from run to run and are no part of what is asked for.
    const { registry, ...settings } = args;
    super("multiarch:index:HostTarget", name, settings, opts);
    const identity = hostIdentity(pulumi.getProject(), pulumi.getStack(), name);
    const architecture = parseArchitecture(args.architecture ?? "") ?? Architecture.X86_64;
    const script = readFileSync(join(__dirname, "host.sh"), "utf8");
    const common = {
      addPreviousOutputInEnv: false,
      logging: command.Logging.Stderr,
    };

    // Runs when the image or the host changes, with the credentials of that day, and has nothing to undo.
    const pull = new command.Command(
      `${name}-pull`,
      {
        ...common,
        create: runScript("pull"),
        stdin: pulumi
          .all([settings.image, registry?.address])
          .apply(
            ([image, address]) => pullSettings(identity, image, architecture, address) + script,
          ),
        environment: credentials(registry),
        triggers: [settings.image, "this machine", architecture],
      },
      { parent: this, ignoreChanges: ["environment", "stdin"] },
    );

    // No triggers: a replacement would end with the old one's delete, which removes the containers. Where somebody asks for one
    // (`up --replace`), the delete comes first.
    const release = new command.Command(
      name,
      {
        ...common,
        create: runScript("release"),
        update: runScript("release"),
        delete: runScript("remove"),
        stdin: releaseText(identity, settings).apply((text) => text + script),
      },
      { parent: this, dependsOn: [pull], deleteBeforeReplace: true },
    );
    watchContainer(this, release, identity.container);

    const asked = { ports: settings.ports, health: { port: settings.health?.port } };
    this.url = pulumi.output(asked).apply(hostUrl);
    this.containerName = pulumi.output(identity.container);
    this.logsCommand = pulumi.output(`docker logs --follow --tail 100 ${identity.container}`);
    this.registerOutputs({
      url: this.url,
      logsCommand: this.logsCommand,
      containerName: this.containerName,
    });
  }
}

/**
 * The script comes on stdin. What follows it keeps every shell from becoming the script's own process: Ctrl-C in Pulumi kills
 * the command's process at once, and the script is to undo what is half done.
 */
function runScript(action: string): string {
  return `sh -s -- ${action}; exit $?`;
}

/** The variables of the pull, secret whether or not they came as secrets; absent where there are no credentials. */
function credentials(
  registry: HostTargetArgs["registry"],
): { [name: string]: pulumi.Output<string> } | undefined {
  if (registry?.username === undefined || registry.password === undefined) return undefined;
  return {
    MULTIARCH_REGISTRY_USERNAME: pulumi.secret(registry.username),
    MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(registry.password),
  };
}

/** The settings of the release; secret as soon as one value in them is. */
function releaseText(
  identity: HostIdentity,
  settings: Omit<HostTargetArgs, "registry">,
): pulumi.Output<string> {
  return pulumi
    .all([pulumi.output(settings), secretNames(settings.environment ?? {})])
    .apply(([known, names]) => {
      // Outputs could not be checked before. The script shows what is wrong: a throw here would show a stack.
      const problems = hostProblems(known);
      const secrets = names.map((secret) => known.environment?.[secret] ?? "");
      if (problems.length > 0)
        return releaseSettings(
          identity,
          { image: "" },
          secrets,
          describeProblems(identity.name, problems),
        );
      return releaseSettings(identity, known, secrets);
    });
}

/** Which variables are secret. A rejection becomes one of the input that waits for this. */
async function secretNames(environment: {
  [name: string]: pulumi.Input<string>;
}): Promise<string[]> {
  const names = Object.entries(environment).map(async ([name, value]) =>
    (await pulumi.isSecret(pulumi.output(value))) ? [name] : [],
  );
  return (await Promise.all(names)).flat();
}
