import * as pulumi from "@pulumi/pulumi";
import { noteBuild } from "../announcement";
import { beforeChange, hooksSupported, joinHooks, pathsOf, refuseSecrets, settled } from "../hooks";
import type { BuilderArgs } from "../builders/builderArgs";
import { difference, inWords } from "../builders/definition";
import { emulatorCommand, ensureEmulator, reachesKernel } from "../builders/emulators";
import { docker } from "../command";
import { ensureBuilder, type EnsurePlace } from "../builders/ensure";
import { type BuilderFacts, isNative, manner, withoutBuilder } from "../builders/facts";
import { failedStep, isStepFailure, ranSteps } from "../builders/history";
import { shellWord } from "../quote";
import { loginProblem } from "../registry/providerLogins";
import { isMissing } from "../verification/presence";
import type { Making } from "./built";
import { type ErrorPlace, explain, withoutRecord } from "./explain";
import { credentialsOf, repositoryOf } from "./inputs";
import { log } from "../log";

/**
 * The hooks of one platform's image. `before` runs exactly when a build is due, in preview and in `up`; `failed`
 * explains the raw text of an error. Neither keeps anything in the state, and none runs on delete.
 */
export function buildHooks(
  making: Making,
  platform: string,
  builder: BuilderArgs | undefined,
  builderPath: string,
): pulumi.ResourceHookBinding {
  const { id, image, dockerfile } = making;
  let used = builder?.name;
  const before = beforeChange(`preflight of ${id} (${platform})`, async (hook) => {
    const inputs = hook.newInputs;
    await refusePublished(making);
    await checkLogin(making);
    const place: EnsurePlace = {
      path: builderPath,
      preview: pulumi.runtime.isDryRun(),
      say: (text) => log.info(text, image),
    };
    const [facts] = await Promise.all([
      makeSure(platform, builder, place),
      dockerfile.check(inputs),
    ]);
    if ("name" in facts) used = facts.name;
    const foreign = facts.state === "ready" && !isNative(platform, facts.own);
    const emulates = foreign ? await ranBefore(hook, facts.name) : undefined;
    const finding = judge(facts, platform, builder, builderPath, { emulates });
    if (finding.level === "error") throw new Error(finding.text);
    noteBuild(image, inBuilds(facts, platform, emulates));
    await log[finding.level](finding.text, image);
    if (foreign && emulates !== false) await dockerfile.advise(inputs, platform);
    if (!pulumi.runtime.isDryRun()) await announceFirstBuild(making, platform, inputs);
  });
  /** Whether the last build of this Dockerfile ran steps of the platform. Other arguments may select other steps. */
  const ranBefore = async (
    { newInputs, oldInputs, oldOutputs }: pulumi.ResourceHookArgs,
    name: string,
  ) => {
    const selection = ({ target, buildArgs, context }: pulumi.Inputs = {}) =>
      JSON.stringify([target, buildArgs, (context as pulumi.Inputs | undefined)?.named]);
    if (selection(oldInputs) !== selection(newInputs)) return undefined;
    const text = await dockerfile.read(newInputs);
    const digest: unknown = oldOutputs?.digest;
    if (typeof digest !== "string" || text === undefined) return undefined;
    return ranSteps({ digest, dockerfile: text, platform }, name);
  };
  return joinHooks(
    before,
    explained(making, platform, () => used),
  );
}

/** Checks that this machine has buildx, which pushes indexes and copies. Only a warning in previews, because `up` may run elsewhere. */
export function buildxHooks({ id, image }: Making): pulumi.ResourceHookBinding {
  return beforeChange(`buildx for ${id}`, async () => {
    const { ok, missing } = await docker(["buildx", "version"], 10_000);
    if (ok) return;
    const found = missing ? "there is no docker command" : "`docker buildx version` fails";
    const text = `${id}: docker buildx is required on the machine that runs pulumi up, but ${found}. Install the Docker CLI with its buildx plugin: https://docs.docker.com/go/buildx/`;
    if (!pulumi.runtime.isDryRun()) throw new Error(text);
    await log.warn(text, image);
  });
}

/** What will be built, and whether natively, if that is known. */
function inBuilds(facts: BuilderFacts, platform: string, emulates?: boolean): string {
  if (facts.state !== "ready" || !facts.platforms.includes(platform)) return platform;
  return manner(platform, facts.own, "", emulates);
}

/** The builder's facts after what may be done for it was done. */
async function makeSure(
  platform: string,
  builder: BuilderArgs | undefined,
  place: EnsurePlace,
): Promise<BuilderFacts> {
  const facts = await ensureBuilder(builder, place);
  const lacking =
    !place.preview &&
    builder?.installEmulators === true &&
    facts.state === "ready" &&
    difference(facts, builder) === undefined &&
    !facts.platforms.includes(platform) &&
    reachesKernel(facts);
  return lacking ? ensureEmulator(facts, platform, builder, place) : facts;
}

interface Finding {
  readonly level: "info" | "warn" | "error";
  readonly text: string;
}

const info = (text: string): Finding => ({ level: "info", text });
const warn = (text: string): Finding => ({ level: "warn", text });
const error = (text: string): Finding => ({ level: "error", text });

/** The simplest builder that does: what fixes name. */
const simplest = `{ name: "multi", driver: "docker-container" }`;

/** What a builder's facts mean for a build that is due. */
export function judge(
  facts: BuilderFacts,
  platform: string,
  builder: BuilderArgs | undefined,
  builderPath: string,
  { preview = pulumi.runtime.isDryRun(), emulates }: { preview?: boolean; emulates?: boolean } = {},
): Finding {
  const other = builder && difference(facts, builder);
  if (other !== undefined)
    return error(
      `${builderPath}: builder "${builder!.name}" ${other}; what is there is never changed: state that, name another one, or remove it with \`docker buildx rm ${builder!.name}\``,
    );
  switch (facts.state) {
    case "new":
      return warn(
        `building ${platform}: ${withoutBuilder.new}. To choose a builder, set ${builderPath}, for example ${simplest}`,
      );
    case "missing":
      if (preview && builder?.driver !== undefined) {
        return info(
          `building ${platform} on builder "${facts.name}", which \`pulumi up\` makes first (${inWords(builder.driver, [builder.endpoint])})`,
        );
      }
      // Machines that only preview, as in the CI of a pull request, often have no builder.
      return {
        level: preview ? "warn" : "error",
        text: `${builderPath}: there is no builder "${facts.name}" on this machine; \`docker buildx ls\` lists them, and ${builderPath}.driver: "docker-container" has it made`,
      };
    case "unreachable": {
      const at = facts.endpoints.length === 0 ? "" : ` at ${facts.endpoints.join(", ")}`;
      return error(
        `${builderPath}: builder "${facts.name}" doesn't answer${at} (${facts.detail}); ${wayTo(facts.endpoints[0])}, or name another one`,
      );
    }
    case "stopped":
      return info(
        `building ${platform} on builder "${facts.name}", which isn't running: \`pulumi up\` starts it`,
      );
    case "unknown":
      return warn(`building ${platform}; the builder could not be checked (${facts.detail})`);
    case "ready":
      if (facts.driver === "docker" && builder !== undefined)
        return error(
          `${builderPath}: builder "${builder.name}" has the docker driver, which can't push images of this kind; write ${simplest}`,
        );
      if (!facts.platforms.includes(platform))
        return judgeLacking(facts, platform, builder, builderPath, preview);
      return info(
        `building ${manner(platform, facts.own, ` on builder "${facts.name}"${facts.instead ? `, ${withoutBuilder.instead}` : ""}`, emulates)}`,
      );
  }
}

/** What to look at where a builder at this address doesn't answer. */
function wayTo(endpoint = ""): string {
  const host = /^ssh:\/\/([^/:-][^/:]*)/.exec(endpoint)?.[1];
  if (host !== undefined)
    return `see that \`ssh ${shellWord(host)} buildctl debug workers\` works without a question`;
  return endpoint.startsWith("tcp://")
    ? "start it, and see that both sides mean the same TLS"
    : "start it";
}

function judgeLacking(
  facts: BuilderFacts & { state: "ready" },
  platform: string,
  builder: BuilderArgs | undefined,
  builderPath: string,
  preview: boolean,
): Finding {
  const lacks = `builder "${facts.name}" doesn't offer ${platform}, only ${facts.platforms.join(", ")}`;
  const asked = builder?.installEmulators === true;
  if (asked && preview && reachesKernel(facts))
    return info(`${lacks}: \`pulumi up\` registers QEMU for it first`);
  const byHand = `register QEMU on its machine with \`${emulatorCommand(platform)}\``;
  const fix =
    builder !== undefined && !asked && reachesKernel(facts)
      ? `${builderPath}.installEmulators: true has QEMU registered for it`
      : byHand;
  const why = asked ? " (from here, QEMU can't be registered there)" : "";
  return error(`${builderPath}: ${lacks}${why}; ${fix}, or name a native builder`);
}

/** BuildKit calls a cache that isn't there yet an ERROR, in the middle of a build that goes on. */
async function announceFirstBuild(
  { image, access }: Making,
  platform: string,
  inputs: Record<string, unknown> | undefined,
): Promise<void> {
  const [own] = (inputs?.cacheFrom ?? []) as { registry?: { ref?: string } }[];
  const ref = own?.registry?.ref;
  if (ref === undefined || !(await settled(isMissing(ref, access)))) return;
  await log.info(
    `first build for ${platform}: there is no cache yet, which BuildKit reports as an ERROR and goes on`,
    image,
  );
}

/** What stands in the image for everybody to read must not be secret. */
function refusePublished({ args, path }: Making): Promise<void> {
  const published = {
    ...pathsOf("buildArgs", args.buildArgs),
    ...pathsOf("labels", args.labels),
    dockerfileInline: args.dockerfileInline,
    target: args.target,
  };
  return refuseSecrets(published, (field) => {
    const id = field.split(".").at(-1)!;
    return `${path(field)}: is secret, and stands in the image for everybody who pulls it; pass it as ${path(`secrets.${id}`)} and read it with \`RUN --mount=type=secret,id=${id}\``;
  });
}

/** Docker's client reads more forms of stored logins than the provider. */
async function checkLogin({ image, args, path }: Making): Promise<void> {
  const { address, username } = args.registry ?? {};
  if (pulumi.runtime.isDryRun() && typeof address !== "string") return;
  const registry = await settled(pulumi.output(address!));
  const given = username !== undefined;
  const problem = await loginProblem(registry, given);
  if (problem === undefined) return;
  const fix = given
    ? `Remove ${registry} from DOCKER_AUTH_CONFIG`
    : `Set ${path("registry.username")} and ${path("registry.password")}`;
  const text = `${path("registry")}: ${problem.what}. ${fix}`;
  if (problem.certain) throw new Error(text);
  await log.warn(text, image);
}

function explained(
  { image, args, path, id }: Making,
  subject: string,
  builderOf: () => string | undefined,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const name = `explanation of ${id} (${subject})`;
  const hook = new pulumi.ErrorHook(name, async (failure) => {
    const repository = await settled(repositoryOf(args));
    const registry = repository.slice(0, repository.indexOf("/"));
    const builder = builderOf();
    const place: ErrorPlace = {
      subject,
      builder,
      registry,
      path,
      credentials: credentialsOf(args),
    };
    const raw = failure.errors.join("\n");
    const inStep = isStepFailure(raw);
    const step = inStep ? await failedStep(raw, subject, builder) : undefined;
    const sentence = explain(raw, place, step?.printed);
    if (sentence !== undefined) await log.error(sentence, image);
    if (step !== undefined) await log.info(`what the step printed: \`${step.command}\``, image);
    else if (inStep) await log.info(withoutRecord(builder), image);
    return false;
  });
  return { onError: [hook] };
}
