import * as pulumi from "@pulumi/pulumi";
import { hooksSupported, refuseSecrets, settled } from "../hooks";
import type { BuilderFacts } from "../builders/facts";
import { inspectBuilder, isNative } from "../builders/facts";
import type { DockerfileWatch } from "../dockerfile/watch";
import { explain, type ErrorPlace } from "./explain";

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
  builder: string | undefined,
  builderPath: string,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const before = new pulumi.ResourceHook(
    `preflight of ${args.id} (${platform})`,
    async ({ newInputs: inputs }) => {
      await refusePublished(args);
      const [facts] = await Promise.all([inspectBuilder(builder), args.dockerfile.check(inputs)]);
      const finding = judge(facts, platform, builder, builderPath);
      if (finding.level === "error") throw new Error(finding.text);
      const log = finding.level === "warn" ? pulumi.log.warn : pulumi.log.info;
      await log(finding.text, args.resource);
      if (facts.state === "ready" && !isNative(platform, facts.own))
        await args.dockerfile.advise(inputs, platform);
      if (!pulumi.runtime.isDryRun()) await announceFirstBuild(args, platform, inputs);
    },
    { onDryRun: true },
  );
  return {
    beforeCreate: [before],
    beforeUpdate: [before],
    onError: [explainer(args, platform, builder)],
  };
}

/** The hook that explains why an index couldn't be made. */
export function indexHooks(args: PreflightArgs, tag: string): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  return { onError: [explainer(args, `the index ${tag}`, undefined)] };
}

interface Finding {
  readonly level: "info" | "warn" | "error";
  readonly text: string;
}

/** What a builder's facts mean for a build that is due. */
export function judge(
  facts: BuilderFacts,
  platform: string,
  builder: string | undefined,
  builderPath: string,
  preview: boolean = pulumi.runtime.isDryRun(),
): Finding {
  switch (facts.state) {
    case "missing":
      // Machines that only preview, as in the CI of a pull request, often have no builder.
      return {
        level: preview ? "warn" : "error",
        text: `${builderPath}: there is no builder "${facts.name}" on this machine; \`docker buildx ls\` lists them, and \`docker buildx create --name ${facts.name} --driver docker-container\` makes it`,
      };
    case "unreachable":
      return {
        level: "error",
        text: `${builderPath}: ${builder === undefined ? "the selected builder" : `builder "${builder}"`} doesn't answer${facts.endpoint === "" ? "" : ` at ${facts.endpoint}`} (${facts.detail}); start it, or name another one`,
      };
    case "unknown":
      return {
        level: "warn",
        text: `building ${platform}; the builder can't be checked beforehand (${facts.detail})`,
      };
    case "ready":
      if (facts.driver === "docker" && builder !== undefined) {
        return {
          level: "error",
          text: `${builderPath}: builder "${builder}" has the docker driver, which can't push images of this kind; make one with \`docker buildx create --name multi --driver docker-container\`, and name that`,
        };
      }
      if (facts.driver === "docker" || facts.driver === "") {
        return {
          level: "info",
          text: `building ${platform} with any builder that isn't of the docker driver`,
        };
      }
      if (!facts.platforms.includes(platform)) {
        return {
          level: "error",
          text: `${builderPath}: builder "${facts.name}" doesn't offer ${platform}, only ${facts.platforms.join(", ")}; register QEMU on its machine with \`docker run --privileged --rm tonistiigi/binfmt --install ${platform.split("/")[1]}\` and restart it, or name a native builder`,
        };
      }
      return {
        level: "info",
        text: `building ${platform} ${isNative(platform, facts.own) ? "natively" : "emulated by QEMU"} on builder "${facts.name}"`,
      };
  }
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

function explainer(
  args: PreflightArgs,
  subject: string,
  builder: string | undefined,
): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`explanation of ${args.id} (${subject})`, async (failure) => {
    const place: Omit<ErrorPlace, "registry"> = {
      subject,
      builder,
      credentials: args.credentials,
      path: args.path,
    };
    const registry = await settled(args.registry);
    const sentence = explain(failure.errors.join("\n"), { ...place, registry });
    if (sentence !== undefined) await pulumi.log.error(sentence, args.resource);
    return false;
  });
}
