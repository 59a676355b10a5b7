import * as pulumi from "@pulumi/pulumi";
import { joinHooks } from "../hooks";
import { log } from "../log";
import { nodeCommand, once } from "../nodeProgram";
import { quote } from "../quote";
import { scopedName } from "../scope";
import type { Report } from "../verification/gate";
import { watchPresence } from "../verification/presence";
import { previewPlatforms } from "../verification/previewed";
import { type Built, builtBy, type Making } from "./built";
import { buildx, type Login } from "./buildx";
import { liveTag } from "./cache";
import type { Image } from "./image";
import { type ImageArgs, VerifyDepth } from "./imageArgs";
import { credentialsOf, repositoryOf } from "./inputs";
import { originOf } from "./origin";
import { registryIn } from "../registry/reference";
import { buildxHooks } from "./preflight";

/** What is pushed and verified. */
export interface Publication {
  /** The field that names a finished image. */
  readonly field?: keyof ImageArgs;
  /** The reference to verify, if it is known before the push. Otherwise it is what the tag then names. */
  readonly reference?: pulumi.Output<string>;
  /** The tag to push, and what it is made of. Without it, the image is in its registry already. */
  readonly push?: {
    readonly sources: pulumi.Output<string>[];
    readonly tag: pulumi.Output<string>;
    readonly index?: boolean;
  };
  /** Credentials for the registries of the sources. */
  readonly logins?: readonly Login[];
  /** What the index is joined from, by platform. The index must contain exactly these. */
  readonly digests?: ReadonlyMap<string, pulumi.Output<string>>;
  /** The reference of each platform's image, if it is known before the verification. */
  readonly refs?: ReadonlyMap<string, pulumi.Output<string>>;
  /** The resources that build the sources. */
  readonly resources?: readonly Pick<pulumi.Resource, "urn">[];
}

/** The push and the verification, which every origin of an image has in common, and the tags for people. */
export function publish(making: Making, publication: Publication): Built {
  const { name, args, plan } = making;
  const { push, digests, refs, resources = [] } = publication;
  const { urn, report } = gate(making, publication);
  const imageUri = report.apply(({ reference }) => reference);
  // A tag for people moves only to what was verified.
  const moved = (args.tags ?? []).map((tag) =>
    buildx(making, `${name}:${tag}`, { source: imageUri, target: tagged(args, tag) }),
  );
  const again = push ? replaceCommand([...resources, { urn }, ...moved]) : "";
  // Images that were built elsewhere are not built again.
  const rebuilt = originOf(args) === "sources" ? "" : again;
  watchPresence(making, imageUri, { index: again, deployed: rebuilt });
  const images = report.apply((found) =>
    found.images.map(({ platform, digest, size }) => {
      const ref = `${found.reference.slice(0, found.reference.indexOf("@"))}@${digest}`;
      return { platform, ref, digest, size };
    }),
  );
  const verified = (platform: string) =>
    images.apply((all) => all.find((one) => one.platform === platform)!.ref);
  return {
    imageUri,
    platforms: digests
      ? once([...plan.platforms], { urn })
      : images.apply((all) => all.map(({ platform }) => platform)),
    images,
    report,
    refs: new Map(
      plan.platforms.map((one) => [one, once(refs?.get(one) ?? verified(one), { urn })]),
    ),
  };
}

/**
 * The push of an index or a copy, and its verification, as one resource: a command that pushes, reads index, manifests and
 * configurations from the registry and compares them with the plan. It runs again when the reference or the plan changes, with the
 * credentials of that run. It has no delete, because what was released may still run, and no refresh, which would need credentials.
 * Its URN is known in previews too. The report is unknown in a preview if the command will run.
 */
function gate(
  making: Making,
  { field, push, digests, resources = [], logins = [], ...rest }: Publication,
): { urn: pulumi.Output<pulumi.URN>; report: pulumi.Output<Report> } {
  const { image, name, args, plan, path, id, access } = making;
  const { depth = VerifyDepth.Entrypoint, command: started, seconds } = args.verify ?? {};
  const label = field === undefined ? id : `${id}: ${path(field)}`;
  const platforms = Object.keys(plan.requiredBy);
  const target = push && tagged(args, push.tag);
  const reference = rest.reference ?? target!;
  const settings = pulumi.jsonStringify({
    name: label,
    verifyPath: path("verify"),
    push: push && {
      ...{ sources: push.sources, target, index: push.index ?? false, path: path("") },
      credentials: credentialsOf(args),
      ...(resources.length > 0 && { rebuild: replaceCommand(resources) }),
    },
    ...{ reference, platforms, requiredBy: plan.requiredBy },
    images: digests && Object.fromEntries(digests),
    exact: digests !== undefined,
    ...{ depth, command: started, seconds },
  });
  const { username, password } = access;
  const { urn, stdout } = nodeCommand(
    `${name}-verified`,
    "verification/main",
    {
      // A killed run ends the shell alone. The program must live on to remove its containers and temporary files.
      create: depth === VerifyDepth.Run || push ? "node -; exit $?" : "node -",
      environment: {
        MULTIARCH_VERIFY: settings,
        ...(username !== undefined && { MULTIARCH_REGISTRY_USERNAME: username }),
        ...(password !== undefined && { MULTIARCH_REGISTRY_PASSWORD: pulumi.secret(password) }),
        ...(logins.length > 0 && { MULTIARCH_LOGINS: pulumi.secret(pulumi.jsonStringify(logins)) }),
      },
      triggers: [
        reference,
        platforms.join(","),
        started || seconds ? `${depth} ${JSON.stringify({ started, seconds })}` : depth,
      ],
    },
    {
      parent: image,
      hooks: joinHooks(
        push ? buildxHooks(making) : {},
        // A copy is compared where it is copied from.
        digests
          ? {}
          : previewPlatforms(
              making,
              label,
              push?.sources[0] ?? reference,
              push
                ? logins
                : [
                    {
                      address: pulumi.output(reference).apply((ref) => registryIn(ref) ?? ""),
                      ...access,
                    },
                  ],
            ),
      ),
    },
  );
  // stdout is secret because the environment is. The report contains no credential. It is empty in a preview if the command will run.
  const report = pulumi
    .unsecret(stdout)
    .apply((text) => (text ? (JSON.parse(text) as Report) : (pulumi.unknown as never)));
  // A line that a command prints is shown while it runs. A warning concerns every run.
  report.apply(async ({ warnings = [] }) => {
    for (const warning of warnings) await log.warn(`${label}: ${warning}`, image);
  });
  return { urn, report };
}

/** The command that creates these resources again. */
const replaceCommand = (resources: readonly Pick<pulumi.Resource, "urn">[]) =>
  pulumi
    .all(resources.map(({ urn }) => urn))
    .apply((urns) => `pulumi up ${urns.map((urn) => `--replace ${quote(urn)}`).join(" ")}`);

const tagged = (args: ImageArgs, tag: pulumi.Input<string>) =>
  pulumi.interpolate`${repositoryOf(args)}:${tag}`;

/**
 * The tag `live-<project>-<app>-<stack>`, moved to a release once what runs it (`after`) is there: a lifecycle rule keeps what has it. For
 * the registry's clean-up alone; nothing is deployed by it.
 */
export function markLive(image: Image, after: pulumi.Resource[]): void {
  const making = builtBy.get(image)!;
  const { name, parent, args, imageUri } = making;
  if (originOf(args) === "ref") return;
  const tag = liveTag(pulumi.getProject(), scopedName(name, parent), pulumi.getStack());
  const target = tagged(args, tag);
  buildx(making, `${name}-live`, { source: imageUri, target }, [], { dependsOn: after });
}
