import * as command from "@pulumi/command/local/index.js";
import * as pulumi from "@pulumi/pulumi";
import { announced } from "../../announcement";
import { under } from "../../check";
import { describeProblems, type Problem } from "../../errors";
import { explainFailure, joinHooks, secretFields } from "../../hooks";
import type { RegistryAccess } from "../../image/inputs";
import { checkedLate, hidden, orElse, withoutNulls } from "../../late";
import { once } from "../../nodeProgram";
import { statedArchitecture } from "../../platform";
import { refuse } from "../../refuse";
import { partPath, scopedName, uniqueName } from "../../scope";
import { pulledProblems, recordedTarget, targetImage } from "../targetImage";
import { warnOfVolumes } from "../volumes";
import { hostFailure } from "./failureText";
import type { HostArgs, HostTargetArgs } from "./hostArgs";
import { claim, warnOfArchitecture } from "./hostClaims";
import { hostProblems } from "./hostProblems";
import { hostScript } from "./hostScript";
import { checkNames } from "./hostNames";
import { watchContainer } from "./hostWatch";
import { deployOverSsh, firstHost, type HostScripts, recordedSsh } from "./sshHosts";
import { sshCommand, sshUrl } from "./sshText";
import {
  type HostIdentity,
  hostIdentity,
  hostUrl,
  pullSettings,
  refusalScript,
  releaseSettings,
} from "./hostSettings";

export * from "./hostArgs";
export * from "./sshArgs";
export { hostProblems } from "./hostProblems";

/**
 * Runs an image as a container with Docker or Podman, on this machine or on hosts that are reached over SSH. A new release is found healthy before the old one is
 * stopped; where it isn't, the update fails with its last log lines and the old one serves on.
 *
 * @example
 * ```typescript
 * const web = new multiarch.HostTarget("web", {
 *   ref: "registry.example.com/web@sha256:…",
 *   ports: [{ container: 8080 }],
 *   health: { path: "/health" },
 * });
 * export const url = web.url;
 * ```
 */
export class HostTarget extends pulumi.ComponentResource {
  /**
   * The address of the port that is asked for health, else of the first; empty where no port is given. Over SSH, that of the first host,
   * and empty where no port listens on other addresses than the host's own (`address: "0.0.0.0"` opens one).
   */
  public readonly url: pulumi.Output<string>;
  /** The command that shows the logs of the release that serves, on the first host. (With Podman: `podman` in place of `docker`.) */
  public readonly logsCommand: pulumi.Output<string>;
  /** The command that opens a shell in it, where the image has one. */
  public readonly shellCommand: pulumi.Output<string>;
  /** The name of the container that serves; with `-previous` behind it, that of the one before, which is stopped. */
  public readonly containerName: pulumi.Output<string>;

  /**
   * @throws pulumi.RunError with a line for each thing that is wrong with the arguments
   */
  constructor(name: string, args: HostTargetArgs, opts?: pulumi.ComponentResourceOptions) {
    args = withoutNulls(args, opts?.parent);
    refuse(name, hostProblems(args));

    const architecture = statedArchitecture(args)!;
    const path = partPath(opts?.parent, "host");
    const checked = { ...args, ...lateChecked(name, args, path) };
    // Credentials change from run to run and are no part of what is asked for.
    const { image: source, ref, ssh, registry, ...rest } = checked;
    const recorded = recordedTarget(
      { ...recordedHost({ ...rest, ssh }), image: source, ref },
      architecture,
    );
    super("multiarch:index:HostTarget", name, recorded, announced("host", name, recorded, opts));
    const image = targetImage(this, name, args, architecture, registry);
    warnOfVolumes(this, "host", image, opts?.parent, [args.volumes, args.tmpfs]);
    const login = loginOf(image.access);
    const settings = { ...rest, image: image.ref };
    const scoped = scopedName(name, opts?.parent);
    const known = args.name ?? scoped;
    const identity = hostIdentity(pulumi.getProject(), pulumi.getStack(), known);
    refuse(name, claim(identity, args, name, path));
    const { container } = identity;

    // Created once and never replaced, so its ID survives every rename.
    const { id } = new command.Command(`${name}-identity`, {}, { parent: this });
    const scripts: HostScripts = {
      ...{ image: image.ref, architecture },
      pull: pulumi
        // Over SSH they go in with the script: its server passes no environment on.
        .all([settings.image, ssh && login])
        .apply(([ref, credentials]) =>
          scriptOf(
            identity,
            pulledProblems(ref),
            () => pullSettings(identity, ref, architecture, credentials) + hostScript("pull"),
          ),
        ),
      release: (resource) => releaseText(identity, resource, settings, path),
      remove: (resource) =>
        pulumi.all([resource, settings.stopTimeout]).apply(([label, stopTimeout]) =>
          scriptOf(
            identity,
            // The release of the same settings names what is wrong.
            hostProblems({ stopTimeout }, path)
              .filter((one) => one.path.endsWith("stopTimeout"))
              .map(hidden),
            () =>
              releaseSettings({ ...identity, resource: label }, { image: "", stopTimeout }) +
              hostScript("release"),
          ),
        ),
    };
    const onFirst = ssh && firstHost(ssh);
    const commandOf = (text: string) =>
      onFirst?.apply(({ host, bastion }) => sshCommand(host, bastion, text)) ?? text;
    const label = uniqueName(name, opts?.parent, "HostTarget");
    const warning = warnOfArchitecture(label, architecture, path);
    const releases =
      ssh === undefined
        ? [deployHere(this, name, path, identity, id, login, scripts, warning)]
        : deployOverSsh(this, name, ssh, path, identity, id, scripts);
    // A failed release leaves the outputs of the one that runs.
    const released = <T>(value: pulumi.Input<T>) => once(value, ...releases);
    this.url = released(urlOf(checked));
    this.logsCommand = released(commandOf(`docker logs --follow --tail 100 ${container}`));
    this.shellCommand = released(commandOf(`docker exec --interactive --tty ${container} sh`));
    this.containerName = released(container);
    this.registerOutputs({
      url: this.url,
      logsCommand: this.logsCommand,
      shellCommand: this.shellCommand,
      containerName: this.containerName,
    });
  }
}

/** The address of the port that is asked for health, on this machine or on the first host. */
function urlOf({ health, ports, ssh }: HostArgs): pulumi.Output<string> {
  const healthPort = health?.port;
  // Only what the URL contains: an unknown port of the container is no reason for an unknown URL.
  const open = ports?.map(({ container: port, host, address }) => {
    return { address, host: orElse(host, port), container: healthPort === undefined ? 0 : port };
  });
  const known = pulumi.output({ ports: open, health: { port: healthPort } });
  if (ssh === undefined) return known.apply(hostUrl);
  const { address } = Object.values(ssh.hosts)[0]!;
  return known.apply((asked) => {
    const at = (host: string) => sshUrl(host, asked.ports, asked.health.port);
    return at("host") === "" ? pulumi.output("") : pulumi.output(address).apply(at);
  });
}

/** How the hosts and the registry are reached, checked before any connection: the script on a host checks everything else. */
function lateChecked(name: string, args: HostTargetArgs, path: string) {
  const { ssh, registry } = args;
  // Within an App, the registry is the image's.
  const own = [under(path)("ssh"), ...(path === "" ? ["registry"] : [])];
  return checkedLate(name, { ssh, registry }, (known) =>
    hostProblems({ ...args, ...known }, path).filter((problem) =>
      own.some((field) => problem.path.startsWith(field)),
    ),
  );
}

/** What a host target records of its arguments: nothing of how hosts are reached, which changes with the machine that runs Pulumi. */
export function recordedHost({ ssh, ...rest }: HostArgs) {
  return { ...rest, ...(ssh && { ssh: recordedSsh(ssh) }) };
}

/** Pulls and releases on this machine. */
function deployHere(
  component: pulumi.Resource,
  name: string,
  path: string,
  identity: HostIdentity,
  id: pulumi.Output<string>,
  login: ReturnType<typeof loginOf>,
  { image, architecture, ...scripts }: HostScripts,
  warning: pulumi.ResourceHookBinding,
): pulumi.Resource {
  const { container } = identity;
  const common = { addPreviousOutputInEnv: false, logging: command.Logging.Stderr };
  const explained = (what: "pull" | "release") =>
    explainFailure(`${what} on this machine (${name}, ${container})`, component, (raw, failure) =>
      Promise.resolve(
        hostFailure(name, failure.failedOperation === "delete" ? "removal" : what, raw),
      ),
    );

  // Runs when the image or the host changes, with the credentials of that day. The delete of the one before comes last in an
  // update, when the release has moved on: it removes the images that no container of the app uses any longer.
  const pull = new command.Command(
    `${name}-pull`,
    {
      ...common,
      create: runScript("pull"),
      delete: runScript("forget"),
      stdin: scripts.pull,
      environment: login && {
        MULTIARCH_REGISTRY_USERNAME: login.username,
        MULTIARCH_REGISTRY_PASSWORD: login.password,
      },
      triggers: [image, container, architecture],
    },
    {
      parent: component,
      hooks: joinHooks(warning, explained("pull")),
      ignoreChanges: ["environment", "stdin"],
      protect: false,
    },
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
      // The pull's id makes `up --replace` of the pull release again what a hand or a killed run changed.
      stdin: pulumi.interpolate`# ${pull.id}\n${scripts.release(id)}`,
    },
    {
      parent: component,
      hooks: joinHooks(checkNames(component, under(path)("name"), identity), explained("release")),
      dependsOn: [pull],
      deleteBeforeReplace: true,
    },
  );
  watchContainer(component, release, pull, container);
  return release;
}

/**
 * The script comes on stdin. What follows it keeps every shell from becoming the script's own process: Ctrl-C in Pulumi kills
 * the command's process at once, and the script is to undo what is half done.
 */
function runScript(action: string): string {
  return `sh -s -- ${action}; exit $?`;
}

/** The credentials of the pull, secret whether or not they came as secrets; undefined where there are none. */
function loginOf({ username, password }: RegistryAccess) {
  if (username === undefined || password === undefined) return undefined;
  return { username: pulumi.secret(username), password: pulumi.secret(password) };
}

/** The settings of the release; secret as soon as one value in them is. */
function releaseText(
  named: HostIdentity,
  id: pulumi.Output<string>,
  settings: HostArgs & { image: pulumi.Output<string> },
  path: string,
): pulumi.Output<string> {
  return pulumi
    .all([
      pulumi.output(settings),
      secretFields(settings.environment ?? {}),
      secretWords(settings, path),
      secretFields({ ...settings }),
      id,
    ])
    .apply(([known, names, exposed, secretOnes, resource]) => {
      const identity = { ...named, resource };
      // Outputs could not be checked before. The script shows what is wrong: a throw here would show a stack.
      const { image, ...host } = known;
      const late = hostProblems(path === "" ? { ref: image, ...host } : host, path);
      const of = (fields: string[]) => (one: Problem) =>
        fields.some((field) => one.path.startsWith(field));
      const isExposed = of(exposed.map((one) => one.path));
      const isSecret = of(secretOnes.map(under(path)));
      const others = late.filter((one) => !isExposed(one));
      const problems = [...others.map((one) => (isSecret(one) ? hidden(one) : one)), ...exposed];
      const secrets = names.map((secret) => String(known.environment?.[secret] ?? ""));
      return scriptOf(
        identity,
        problems,
        () => releaseSettings(identity, known, secrets) + hostScript("release"),
      );
    });
}

const scriptOf = ({ name }: HostIdentity, problems: readonly Problem[], script: () => string) =>
  problems.length > 0 ? refusalScript(describeProblems(name, problems)) : script();

/** Secrets where everybody on the host could read them, in its list of processes. */
async function secretWords(settings: HostArgs, path: string): Promise<Problem[]> {
  const fields = {
    command: settings.command,
    user: settings.user,
    network: settings.network,
    extraHosts: settings.extraHosts,
    volumes: settings.volumes,
    tmpfs: settings.tmpfs,
    capabilities: settings.capabilities,
    "health.path": settings.health?.path,
    "health.command": settings.health?.command,
    "release.command": settings.release?.command,
  };
  const at = under(path);
  return (await secretFields(fields)).map((field) => ({
    path: at(field),
    what: "is secret, and the host's list of processes shows it to everybody there",
    fix: `pass it by ${at("environment")}`,
  }));
}
