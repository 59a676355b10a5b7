import * as pulumi from "@pulumi/pulumi";
import { once } from "../nodeProgram";
import { valueFor } from "../platform";
import { quote } from "../quote";
import { ecrAccess } from "../registry/ecrAccess";
import { registryIn } from "../registry/reference";
import { makeGate } from "../verification/gate";
import { watchPresence } from "../verification/presence";
import { type Built, digestOf, fromReport, imagesIn, type Making } from "./built";
import { buildx, type Login } from "./buildx";
import { contentTag } from "./cache";
import type { ImageArgs } from "./imageArgs";
import { repositoryOf } from "./inputs";
import { join } from "./join";

/** A finished image: what it holds is what the gate saw. */
export function take(making: Making): Built {
  return verified(making, pulumi.output(making.args.ref!), "ref", "");
}

/** Images that were built elsewhere for each platform, joined. Each may be an index that holds attestations too. */
export function joinSources(making: Making): Built {
  const { args, plan } = making;
  const sources = new Map(
    plan.platforms.map((one) => [one, pulumi.output(valueFor(one, args.sources)!)]),
  );
  const digests = new Map([...sources].map(([platform, ref]) => [platform, ref.apply(digestOf)]));
  return join(making, { sources, digests, plain: false, resources: [] });
}

/** A finished image, copied with all that its index holds. */
export function copy(making: Making): Built {
  const { name, args } = making;
  const repository = repositoryOf(args);
  const source = pulumi.output(args.copyOf!);
  const digest = source.apply(digestOf);
  const tag = digest.apply((text) => contentTag({ copy: text }));
  const target = (text: pulumi.Input<string>) => pulumi.interpolate`${repository}:${text}`;
  const first = { source, target: target(tag) };
  const made = buildx(making, `${name}-copied`, first, logins(making));
  const built = verified(
    making,
    once(pulumi.interpolate`${repository}@${digest}`, made),
    "copyOf",
    made.urn.apply((urn) => `pulumi up --replace ${quote(urn)}`),
  );
  for (const text of args.tags ?? []) {
    const moved = { source: built.imageUri, target: target(text) };
    buildx(making, `${name}:${text}-copied`, moved);
  }
  return { ...built, sources: [built.imageUri] };
}

/** Credentials for what is copied: those given for its registry, else the AWS provider's where it lies in ECR. */
function logins({ image, args }: Making): Login[] {
  const { username, password } = ecrAccess(args.copyOf!, image);
  const address = pulumi.output(args.copyOf!).apply((text) => registryIn(text) ?? "");
  return [{ address, username, password }, ...(args.pullCredentials ?? [])];
}

function verified(
  making: Making,
  reference: pulumi.Output<string>,
  field: keyof ImageArgs,
  rebuild: pulumi.Input<string>,
): Built {
  const gate = makeGate(making, `${making.id}: ${making.path(field)}`, reference);
  const imageUri = gate.report.apply((report) => report.reference);
  const images = imagesIn(gate);
  watchPresence(making, imageUri, { index: rebuild, deployed: rebuild });
  return {
    imageUri,
    platforms: images.apply((all) => all.map((one) => one.platform)),
    images,
    report: gate.report,
    refs: new Map(making.plan.platforms.map((one) => [one, fromReport(gate, one)])),
  };
}
