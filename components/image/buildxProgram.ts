/**
 * The program of a Buildx. A copy is `docker buildx imagetools create`. An SBOM is a build of nothing but `FROM` the image: BuildKit scans the
 * result, which is the same image. Settings are in MULTIARCH_BUILDX, credentials in MULTIARCH_LOGINS. What an SBOM lies in is on
 * stdout; what goes wrong is on stderr, with exit 1.
 */
import { join } from "node:path";
import { messageOf } from "../errors";
import { parseObject, slurp } from "../registry/attempt";
import type { Access } from "../registry/client";
import { masked } from "../registry/credentials";
import { type DockerSettings, type Login, useLogins } from "../registry/dockerConfig";
import { inspect } from "../verification/inspect";
import type { BuildxSettings } from "./buildx";
import { explain } from "./explain";
import { buildx, failure, pushTag } from "./imagetools";

/** The scanner that BuildKit uses if none is given. */
const defaultScanner = "docker.io/docker/buildkit-syft-scanner";

export async function main(): Promise<void> {
  const settings = JSON.parse(process.env.MULTIARCH_BUILDX!) as BuildxSettings;
  const { name, path, source, target, scan } = settings;
  const given = JSON.parse(process.env.MULTIARCH_LOGINS!) as Partial<Login>[];
  delete process.env.MULTIARCH_LOGINS; // Commands get the logins that they need.
  const logins = given.filter(
    (login): login is Login => Boolean(login.username) && login.password !== undefined,
  );
  try {
    if (scan === undefined) await pushTag({ sources: [source], target: target!, path }, logins);
    else process.stdout.write(await scanned(settings, logins, given.at(-1)));
  } catch (error) {
    const lines = messageOf(error).replace(/^/gm, `${name}: `);
    process.stderr.write(logins.reduce(masked, `${lines}\n`));
    process.exitCode = 1;
  }
}

/** The digest of the index that holds the SBOM. */
async function scanned(
  settings: BuildxSettings,
  logins: readonly Login[],
  access: Access | undefined,
): Promise<string> {
  const { path, source, scan } = settings;
  const { platform, builder, generator = defaultScanner } = scan!;
  const client = useLogins(logins, [source, generator]);
  try {
    return await attest(source, scan!, client, access);
  } catch (error) {
    const { message } = error as Error;
    const reason =
      lacksScanner(message, settings) ??
      explain(message, {
        ...{ subject: platform, builder, registry: source.slice(0, source.indexOf("/")) },
        path: (field) => `${path}${field}`,
        credentials: logins.length > 0 ? "given" : "stored",
      });
    const failed = `${path}attestations.sbom: there is no SBOM of ${source} (${platform})`;
    throw failure(`${failed}: ${message}`, reason);
  } finally {
    client.close();
  }
}

/** Pushes an index of the image and its SBOM, and gives its digest. */
async function attest(
  source: string,
  { platform, builder, generator }: NonNullable<BuildxSettings["scan"]>,
  client: DockerSettings,
  access: Access | undefined,
): Promise<string> {
  const repository = source.slice(0, source.indexOf("@"));
  const metadata = join(client.env.DOCKER_CONFIG!, "metadata.json");
  const args = [
    ...["build", "--progress=plain", `--platform=${platform}`, "--provenance=false"],
    ...(builder === undefined ? [] : [`--builder=${builder}`]),
    `--attest=type=sbom${generator === undefined ? "" : `,generator=${generator}`}`,
    `--output=type=image,name=${repository},push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true`,
    ...[`--metadata-file=${metadata}`, "-"],
  ];
  await buildx(args, { env: client.env, input: `FROM ${source}\n` });
  const digest = String(parseObject(slurp(metadata))?.["containerimage.digest"]);
  const made = `${repository}@${digest}`;
  const [was, is] = await Promise.all(
    [source, made].map(async (reference) => {
      const { images } = await inspect(reference, access, { wait: 6000 });
      return images.map((image) => image.digest).join();
    }),
  );
  // What its text says would be true of another image.
  if (was !== is)
    throw new Error(
      `the scanned image is ${is}, for ONBUILD instructions of its own ran: build it without them, or without an SBOM`,
    );
  const found = await buildx(["imagetools", "inspect", "--format", "{{json .SBOM}}", made], client);
  if (/^(\{\}|null)?$/.test(found.trim()))
    throw new Error(`the scanner${generator ? ` ${generator}` : ""} wrote none in SPDX's form`);
  return digest;
}

/** What is said where it is the scanner that can't be pulled, which no field of the image's own build names. */
function lacksScanner(raw: string, { path, scan }: BuildxSettings): string | undefined {
  const image = scan?.generator ?? defaultScanner;
  if (!scan || !raw.includes(`source metadata for ${image}`)) return undefined;
  return (
    `the builder can't pull the scanner ${image}: name one in a registry that it reaches with ${path}attestations.sbomGenerator, ` +
    `such as a copy of docker.io/docker/buildkit-syft-scanner; ${path}pullCredentials are for a private one`
  );
}
