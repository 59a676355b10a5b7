/**
 * The program of a Buildx. A copy is `docker buildx imagetools create`, which copies what the other registry lacks, mounts what it
 * has, and carries every child of an index along. An SBOM is a build of nothing but `FROM` the image: BuildKit scans the
 * result, which is the same image. Settings are in MULTIARCH_BUILDX, credentials in MULTIARCH_LOGINS. What an SBOM lies in is on
 * stdout; what goes wrong is on stderr, with exit 1.
 */
import { join } from "node:path";
import { docker, type Surroundings } from "../command";
import { printable } from "../errors";
import { parseObject, slurp } from "../registry/attempt";
import type { Access } from "../registry/client";
import { masked } from "../registry/credentials";
import { type DockerSettings, type Login, useLogins } from "../registry/dockerConfig";
import { parseReference } from "../registry/reference";
import { inspect } from "../verification/inspect";
import type { BuildxSettings } from "./buildx";
import { explain } from "./explain";

/** The scanner that BuildKit uses if none is given. */
const defaultScanner = "docker.io/docker/buildkit-syft-scanner";

/** How long it may take, in milliseconds. */
const limit = 60 * 60_000;

export async function main(): Promise<void> {
  const settings = JSON.parse(process.env.MULTIARCH_BUILDX!) as BuildxSettings;
  const { name, path, source, target, scan } = settings;
  const given = JSON.parse(process.env.MULTIARCH_LOGINS!) as Partial<Login>[];
  delete process.env.MULTIARCH_LOGINS; // Commands get the logins that they need.
  const logins = given.filter(
    (login): login is Login => Boolean(login.username) && login.password !== undefined,
  );
  try {
    for (const reference of [source, target ?? source]) {
      const parsed = parseReference(reference);
      if (!parsed.ok) throw new Error(`${reference}: ${parsed.error}`);
      if (reference === source && parsed.reference.digest === undefined)
        throw new Error(`${source} must include a digest, because tags can change`);
    }
    const generator = scan?.generator ?? defaultScanner;
    const client = useLogins(logins, [source, target ?? source, ...(scan ? [generator] : [])]);
    try {
      // A single image stays one, where the default would put an index around it.
      const copy = ["imagetools", "create", "--progress=plain", "--prefer-index=false"];
      if (scan === undefined) await buildx([...copy, "--tag", target!, source], client);
      else process.stdout.write(await attest(source, scan, client, given.at(-1)));
    } finally {
      client.close();
    }
  } catch (error) {
    const place = target ?? source;
    const raw = (error as Error).message;
    const reason =
      lacksScanner(raw, settings) ??
      explain(raw, {
        subject: scan?.platform ?? place,
        builder: scan?.builder,
        registry: place.slice(0, place.indexOf("/")),
        path: (field) => `${path}${field}`,
        credentials: logins.length > 0 ? "given" : "stored",
      });
    const failed = scan
      ? `${path}attestations.sbom: there is no SBOM of ${source} (${scan.platform})`
      : `${source} couldn't be copied to ${target}`;
    const [first = "", ...more] = `${failed}: ${raw}`.split("\n").map(printable);
    const lines = [first, ...(reason ? [printable(reason)] : [])].map((line) => `${name}: ${line}`);
    // What a step printed is marked, so that it cannot pass for our own lines.
    lines.splice(1, 0, ...more.map((line) => `  | ${line}`));
    process.stderr.write(logins.reduce(masked, lines.map((line) => `${line}\n`).join("")));
    process.exitCode = 1;
  }
}

async function buildx(args: readonly string[], surroundings: Surroundings): Promise<string> {
  const ran = await docker(["buildx", ...args], limit, surroundings);
  if (ran.ok) return ran.stdout;
  // The step that failed with what it printed, and an error that may have several lines.
  const from = ran.late ? -1 : ran.stderr.search(/^(------$|ERROR: )/m);
  throw new Error(from < 0 ? ran.detail : ran.stderr.slice(from).trim());
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
