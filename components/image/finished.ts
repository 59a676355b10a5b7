import * as pulumi from "@pulumi/pulumi";
import { valueFor } from "../platform";
import { ecrAccess } from "../registry/ecrAccess";
import { digestOf, registryIn } from "../registry/reference";
import type { Built, Making } from "./built";
import type { Login } from "./buildx";
import { contentTag } from "./cache";
import { repositoryOf } from "./inputs";
import { join } from "./join";
import { publish } from "./publish";

/** A finished image: what it holds is what the gate saw. */
export function take(making: Making): Built {
  return publish(making, { field: "ref", reference: pulumi.output(making.args.ref!) });
}

/** Images that were built elsewhere for each platform, joined. Each may be an index that holds attestations too. */
export function joinSources(making: Making): Built {
  const { args, plan } = making;
  const sources = new Map(
    plan.platforms.map((one) => [one, pulumi.output(valueFor(one, args.sources)!)]),
  );
  const digests = new Map([...sources].map(([platform, ref]) => [platform, ref.apply(digestOf)]));
  return join(making, { sources, digests, plain: false, logins: args.pullCredentials });
}

/** A finished image, copied with all that its index holds. */
export function copy(making: Making): Built {
  const { args } = making;
  const source = pulumi.output(args.copyOf!);
  const digest = source.apply(digestOf);
  return publish(making, {
    field: "copyOf",
    reference: pulumi.interpolate`${repositoryOf(args)}@${digest}`,
    push: { sources: [source], tag: digest.apply((text) => contentTag({ copy: text })) },
    logins: logins(making),
  });
}

/** Credentials for what is copied: those given for its registry, else the AWS provider's where it lies in ECR. */
function logins({ image, args }: Making): Login[] {
  const { username, password } = ecrAccess(args.copyOf!, image);
  const address = pulumi.output(args.copyOf!).apply((text) => registryIn(text) ?? "");
  return [{ address, username, password }, ...(args.pullCredentials ?? [])];
}
