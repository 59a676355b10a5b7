import * as pulumi from "@pulumi/pulumi";
import { noteBuild } from "../announcement";
import { beforeChange, hooksSupported, joinHooks, refuseSecrets, settled } from "../hooks";
import type { BuilderArgs } from "../builders/builderArgs";
import { difference, inWords } from "../builders/definition";
import { emulatorCommand, ensureEmulator, reachesKernel } from "../builders/emulators";
import { ensureBuilder, type EnsurePlace } from "../builders/ensure";
import { type BuilderFacts, isNative, manner } from "../builders/facts";
import type { DockerfileWatch } from "../dockerfile/watch";
import { failedStep, isStepFailure } from "../builders/history";
import { explain, withoutRecord, type ErrorPlace } from "./explain";

/** What the hooks of an image's resources need to know. */
export interface PreflightArgs {
  /** A name that no other image of the program has: names of hooks are global, and stand in error messages. */
  readonly id: string;
  /** The component that messages are shown on. */
  readonly resource: pulumi.Resource;
  /** The path of a user's field. */
  readonly path: (field: string) => string;
  /** The registry's host and whose credentials are used, for explanations. */
  readonly registry: pulumi.Output<string>;
  readonly credentials: ErrorPlace["credentials"];
  /** Whether the registry says that it doesn't hold a reference. */
  readonly isMissing: (reference: string) => Promise<boolean>;
  /** What stands in the image for everybody to read, by the user's field: none of it may be secret. */
  readonly published: Readonly<Record<string, pulumi.Input<string> | undefined>>;
  /** Looks at the image's Dockerfile. */
  readonly dockerfile: DockerfileWatch;
}

/**
 * The hooks of one platform's image. `before` runs exactly when a build is due, in preview and in `up`; `failed`
 * explains the raw text of an error. Neither keeps anything in the state, and none runs on delete.
 */
export function buildHooks(
  args: PreflightArgs,
  platform: string,
  builder: BuilderArgs | undefined,
  builderPath: string,
): pulumi.ResourceHookBinding {
  const before = beforeChange(
    `preflight of ${args.id} (${platform})`,
    async ({ newInputs: inputs }) => {
      await refusePublished(args);
      const place: EnsurePlace = {
        path: builderPath,
        preview: pulumi.runtime.isDryRun(),
        say: (text) => pulumi.log.info(text, args.resource),
      };
      const [facts] = await Promise.all([
        makeSure(platform, builder, place),
        args.dockerfile.check(inputs),
      ]);
      const finding = judge(facts, platform, builder, builderPath);
      if (finding.level === "error") throw new Error(finding.text);
      noteBuild(args.resource, inBuilds(facts, platform));
      const log = finding.level === "warn" ? pulumi.log.warn : pulumi.log.info;
      await log(finding.text, args.resource);
      if (facts.state === "ready" && !isNative(platform, facts.own))
        await args.dockerfile.advise(inputs, platform);
      if (!pulumi.runtime.isDryRun()) await announceFirstBuild(args, platform, inputs);
    },
  );
  return joinHooks(before, explained(args, platform, builder?.name));
}

/** The hook that explains why an index couldn't be made. */
export function indexHooks(args: PreflightArgs, tag: string): pulumi.ResourceHookBinding {
  return explained(args, `the index ${tag}`, undefined);
}

/** What will be built, and whether on a machine of its architecture, where that can be told. */
function inBuilds(facts: BuilderFacts, platform: string): string {
  if (facts.state !== "ready" || !facts.platforms.includes(platform)) return platform;
  return `${platform} ${manner(platform, facts.own)}`;
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
const error = (text: string): Finding => ({ level: "error", text });

/** The simplest builder that does: what fixes name. */
const simplest = `{ name: "multi", driver: "docker-container" }`;

/** What a builder's facts mean for a build that is due. */
export function judge(
  facts: BuilderFacts,
  platform: string,
  builder: BuilderArgs | undefined,
  builderPath: string,
  preview: boolean = pulumi.runtime.isDryRun(),
): Finding {
  const other = builder && difference(facts, builder);
  if (other !== undefined)
    return error(
      `${builderPath}: builder "${builder!.name}" ${other}; what is there is never changed: state that, name another one, or remove it with \`docker buildx rm ${builder!.name}\``,
    );
  const who = builder === undefined ? "the selected builder" : `builder "${builder.name}"`;
  switch (facts.state) {
    case "missing":
      if (preview && builder?.driver !== undefined) {
        const endpoints = builder.endpoint === undefined ? [] : [builder.endpoint];
        return info(
          `building ${platform} on builder "${facts.name}", which \`pulumi up\` makes first (${inWords(builder.driver, endpoints)})`,
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
        `${builderPath}: ${who} doesn't answer${at} (${facts.detail}); ${wayTo(facts.endpoints[0])}, or name another one`,
      );
    }
    case "stopped":
      return info(`building ${platform} on ${who}, which isn't running: \`pulumi up\` starts it`);
    case "unknown":
      return {
        level: "warn",
        text: `building ${platform}; the builder can't be checked beforehand (${facts.detail})`,
      };
    case "ready":
      if (facts.driver === "docker" && builder !== undefined)
        return error(
          `${builderPath}: builder "${builder.name}" has the docker driver, which can't push images of this kind; write ${simplest}`,
        );
      if (facts.driver === "docker" || facts.driver === "")
        return info(`building ${platform} with any builder that isn't of the docker driver`);
      if (!facts.platforms.includes(platform))
        return judgeLacking(facts, platform, builder, builderPath, preview);
      return info(`building ${platform} ${manner(platform, facts.own)} on builder "${facts.name}"`);
  }
}

/** What to look at where a builder at this address doesn't answer. */
function wayTo(endpoint = ""): string {
  const host = /^ssh:\/\/([^/:]+)/.exec(endpoint)?.[1];
  if (host !== undefined)
    return `see that \`ssh ${host} buildctl debug workers\` works without a question`;
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
  args: PreflightArgs,
  platform: string,
  inputs: Record<string, unknown> | undefined,
): Promise<void> {
  const [own] = (inputs?.cacheFrom ?? []) as { registry?: { ref?: string } }[];
  const ref = own?.registry?.ref;
  if (ref === undefined || !(await args.isMissing(ref))) return;
  await pulumi.log.info(
    `first build for ${platform}: there is no cache yet, which BuildKit reports as an ERROR and goes on`,
    args.resource,
  );
}

function refusePublished(args: PreflightArgs): Promise<void> {
  return refuseSecrets(args.published, (field) => {
    const id = field.split(".").at(-1)!;
    return `${args.path(field)}: is secret, and stands in the image for everybody who pulls it; pass it as ${args.path(`secrets.${id}`)} and read it with \`RUN --mount=type=secret,id=${id}\``;
  });
}

function explained(
  args: PreflightArgs,
  subject: string,
  builder: string | undefined,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const id = `explanation of ${args.id} (${subject})`;
  const hook = new pulumi.ErrorHook(id, async (failure) => {
    const { credentials, path } = args;
    const place = { subject, builder, credentials, path, registry: await settled(args.registry) };
    const raw = failure.errors.join("\n");
    const inStep = isStepFailure(raw);
    const step = inStep ? await failedStep(raw, subject, builder) : undefined;
    const sentence = explain(raw, place, step?.printed);
    if (sentence !== undefined) await pulumi.log.error(sentence, args.resource);
    if (step !== undefined)
      await pulumi.log.info(`what the step printed: \`${step.command}\``, args.resource);
    else if (inStep) await pulumi.log.info(withoutRecord(builder), args.resource);
    return false;
  });
  return { onError: [hook] };
}
