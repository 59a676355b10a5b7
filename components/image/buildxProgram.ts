/**
 * The program of a Buildx. A copy is `docker buildx imagetools create`. Attestations are those of `docker buildx build`, which takes
 * every step from the cache that the provider's build of the same definition has just filled. Settings are in MULTIARCH_BUILDX,
 * credentials in MULTIARCH_LOGINS, build secrets in MULTIARCH_SECRET_0 and so on. The digest of an index with attestations is on stdout;
 * errors are on stderr, with exit 1.
 */
import { join } from "node:path";
import { inspectBuilder } from "../builders/facts";
import { messageOf } from "../errors";
import { parseObject, slurp } from "../registry/attempt";
import { masked } from "../registry/credentials";
import { type DockerSettings, isLogin, type Login, useLogins } from "../registry/dockerConfig";
import { digestPattern } from "../registry/reference";
import { type BuildxSettings, secretVariable } from "./buildx";
import { explain } from "./explain";
import { buildx, failure, pushTag } from "./imagetools";

/** The scanner that BuildKit uses if none is given. */
const defaultScanner = "docker.io/docker/buildkit-syft-scanner";

type Build = NonNullable<BuildxSettings["build"]>;

export async function main(): Promise<void> {
  const settings = JSON.parse(process.env.MULTIARCH_BUILDX!) as BuildxSettings;
  const { name, path, source, target, build, secrets, credentials } = settings;
  const given = JSON.parse(process.env.MULTIARCH_LOGINS!) as unknown[];
  delete process.env.MULTIARCH_LOGINS; // Commands get the logins that they need.
  const logins = given.filter(isLogin);
  try {
    if (build === undefined)
      await pushTag({ sources: [source], target: target!, path, credentials }, logins);
    else process.stdout.write(await attested(settings, build, logins));
  } catch (error) {
    const lines = messageOf(error).replace(/^/gm, `${name}: `);
    const hidden = [
      ...logins,
      ...secrets.map((_, index) => ({ password: process.env[secretVariable(index)] })),
    ];
    process.stderr.write(hidden.reduce(masked, `${lines}\n`));
    process.exitCode = 1;
  }
}

/** Builds with attestations. Returns the digest of the index that contains them. */
async function attested(
  settings: BuildxSettings,
  build: Build,
  logins: readonly Login[],
): Promise<string> {
  const { path, source, secrets, credentials } = settings;
  const { platform } = build;
  const builder = build.builder ?? (await providersBuilder());
  // Only the Dockerfile says which registries a build pulls from.
  const client = useLogins(logins);
  try {
    return await attest(source, { ...build, builder }, secrets, client);
  } catch (error) {
    const { message } = error as Error;
    const reason =
      lacksScanner(message, path, build) ??
      explain(message, {
        ...{ subject: platform, builder, registry: source.slice(0, source.indexOf("/")) },
        path: (field) => `${path}${field}`,
        credentials,
      });
    const failed = `${path}attestations: ${source} (${platform}) could not be built with attestations`;
    throw failure(`${failed}: ${message}`, reason);
  } finally {
    client.close();
  }
}

/** The builder that the provider uses if no field names one, because its cache contains the image. It ignores BUILDX_BUILDER. */
async function providersBuilder(): Promise<string | undefined> {
  const facts = await inspectBuilder();
  return "name" in facts ? facts.name : undefined;
}

/** Pushes an index of the image and its attestations. Returns its digest. */
async function attest(
  source: string,
  build: Build,
  secrets: readonly string[],
  client: DockerSettings,
): Promise<string> {
  const { provenance, sbom, generator } = build.attestations;
  const metadata = join(client.env.DOCKER_CONFIG!, "metadata.json");
  const args = [
    ...["build", "--progress=plain", `--provenance=${provenance ? "mode=min" : "false"}`],
    ...(sbom
      ? [`--attest=type=sbom${generator === undefined ? "" : `,generator=${generator}`}`]
      : []),
    ...[`--output=${build.output}`, `--metadata-file=${metadata}`],
    ...definition(build, secrets),
  ];
  await buildx(args, { env: client.env, input: build.dockerfile?.inline ?? "" });
  const digest = String(parseObject(slurp(metadata))?.["containerimage.digest"]);
  if (!digestPattern.test(digest))
    throw new Error("docker buildx build reported no digest. Update buildx");
  if (!sbom) return digest;
  const made = `${source.slice(0, source.indexOf("@"))}@${digest}`;
  const found = await buildx(["imagetools", "inspect", "--format", "{{json .SBOM}}", made], client);
  if (/^(\{\}|null)?$/.test(found.trim()))
    throw new Error(
      `the scanner ${generator ?? defaultScanner} wrote no SBOM in the SPDX format. Set attestations.sbomGenerator to another one`,
    );
  return digest;
}

/** The arguments of `docker buildx build` for what the provider built. Secrets are named by their variables. */
function definition(build: Build, secrets: readonly string[]): string[] {
  const { context, dockerfile, ssh, addHosts, target, network, cacheFrom, builder } = build;
  const named = Object.entries(context?.named ?? {});
  const each = (flag: string, values: Readonly<Record<string, string>> = {}) =>
    Object.entries(values).map(([key, value]) => `--${flag}=${key}=${value}`);
  const file = dockerfile?.inline ? "-" : dockerfile?.location;
  return [
    `--platform=${build.platform}`,
    ...(builder ? [`--builder=${builder}`] : []),
    ...(file ? [`--file=${file}`] : []),
    ...named.map(([name, { location }]) => `--build-context=${name}=${location}`),
    ...each("build-arg", build.buildArgs),
    ...each("label", build.labels),
    ...secrets.map(
      (id, at) => `--secret="id=${id.replaceAll('"', '""')}",env=${secretVariable(at)}`,
    ),
    ...(ssh ?? []).map(
      ({ id, paths }) => `--ssh=${[id, ...(paths?.length ? [paths.join()] : [])].join("=")}`,
    ),
    ...(addHosts ?? []).map((host) => `--add-host=${host}`),
    ...(target ? [`--target=${target}`] : []),
    ...(network ? [`--network=${network}`] : []),
    ...(build.pull ? ["--pull"] : []),
    ...(cacheFrom ?? []).flatMap(({ registry }) =>
      registry ? [`--cache-from=type=registry,ref=${registry.ref}`] : [],
    ),
    ...["--", context!.location],
  ];
}

/** What is said where it is the scanner that can't be pulled, which no field of the image's own build names. */
function lacksScanner(raw: string, path: string, build: Build): string | undefined {
  const image = build.attestations.generator ?? defaultScanner;
  if (!raw.includes(`source metadata for ${image}`)) return undefined;
  return (
    `the builder can't pull the scanner ${image}: name one in a registry that it reaches with ${path}attestations.sbomGenerator, ` +
    `such as a copy of docker.io/docker/buildkit-syft-scanner; ${path}pullCredentials are for a private one`
  );
}
