/**
 * Stacks as a release left them, to preview what a later one makes of them: the program stays, and beside it lie the state and
 * the images that it names. What differs from machine to machine stands there as `{{name}}`.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { CreateRepositoryCommand, DeleteRepositoryCommand } from "@aws-sdk/client-ecr";
import { DescribeSubnetsCommand, DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { parse } from "yaml";
import { manifestTypes } from "./appProject";
import { client, ecr } from "./awsProject";
import { createProject, environment, type Project } from "./harness";

const folder = path.resolve(__dirname, "../upgrades");

/** A program that was deployed with one release. */
export interface Recorded {
  readonly release: string;
  readonly program: string;
}

/** All of them, the newest release last. */
export const recorded: readonly Recorded[] = readdirSync(folder).flatMap((release) =>
  readdirSync(path.join(folder, release))
    .filter((file) => file.endsWith(".js"))
    .map((file) => ({ release, program: path.basename(file, ".js") })),
);

/** Manifests and blobs in base64 by repository and digest, in the order in which a registry takes them; blobs have no type. */
type Images = Record<string, Record<string, { type?: string; content: string }>>;

interface State {
  readonly images: Images;
  /** As `pulumi stack export` gives it. */
  readonly deployment: { readonly deployment: Record<string, unknown> };
}

const fileOf = ({ release, program }: Recorded, extension: string) =>
  path.join(folder, release, `${program}.${extension}`);

export const isRecorded = (one: Recorded) => existsSync(fileOf(one, "json"));

/** The program in a project of its own, with nothing deployed. */
export function projectOf(one: Recorded): Promise<Project> {
  const { aws, builder, registry } = environment();
  const sources = path.join(folder, one.release, "app");
  return createProject({
    name: `upgrades-${one.program.toLowerCase()}`,
    program: readFileSync(fileOf(one, "js"), "utf8"),
    files: Object.fromEntries(
      readdirSync(sources).map((file) => [
        `app/${file}`,
        readFileSync(path.join(sources, file), "latin1"),
      ]),
    ),
    config: { ...aws.config, builder, registry: registry.address },
  }).then((project) => {
    // The provider's hash of the context holds the modes too, which differ where git was told another umask.
    for (const file of readdirSync(sources)) {
      const target = path.join(project.directory, "app", file);
      writeFileSync(target, readFileSync(path.join(sources, file)));
      chmodSync(target, 0o644);
    }
    chmodSync(path.join(project.directory, "app"), 0o755);
    return project;
  });
}

/** What differs from machine to machine, by its name in a recorded state. */
async function values(): Promise<[name: string, value: string][]> {
  const { aws, builder, env, registry } = environment();
  const ec2 = client("ec2", EC2Client);
  const filters = (Name: string) => ({ Filters: [{ Name, Values: ["true"] }] });
  const { Vpcs } = await ec2.send(new DescribeVpcsCommand(filters("is-default")));
  const { Subnets } = await ec2.send(new DescribeSubnetsCommand(filters("default-for-az")));
  // In the order in which targets take them.
  const subnets = (Subnets ?? []).map(({ SubnetId }) => SubnetId!).sort();
  return [
    ["docker", env.DOCKER_HOST!],
    ["registry", registry.address],
    ["ecr", aws.registry],
    ["ministack", aws.endpoints.iam!.replace("http://", "")],
    ["moto", aws.endpoints.ec2!.replace("http://", "")],
    ["vpc", Vpcs![0]!.VpcId!],
    ...subnets.map((id, nth): [string, string] => [`subnet${nth}`, id]),
    ["builder", builder],
  ];
}

/** A word that may stand in others is replaced where it is a whole text. */
const quoted = (word: string) => new RegExp(`(?<=")${word}(?=\\\\*")`, "g");

/** What an import has no use for: where in a program a resource was made, and whose passphrase it was. */
const unread = ["sourcePosition", "stackTrace", "secrets_providers"];

/** Writes down what the stack is. Nothing in it is a real secret, so all is kept in clear. */
export async function record(one: Recorded, project: Project): Promise<void> {
  const { stdout } = await project.pulumi(["stack", "export", "--show-secrets"]);
  const images: Images = {};
  for (const [, repository, digest] of stdout.matchAll(
    /(localhost:\d+\/[\w./-]+)(?::[\w.-]+)?@(sha256:[0-9a-f]{64})/g,
  ))
    await keep(repository!, digest!, (images[repository!] ??= {}));
  const deployment = JSON.parse(stdout) as unknown;
  let text = JSON.stringify(
    { images, deployment },
    (key, value: unknown) => (unread.includes(key) ? undefined : value),
    1,
  );
  for (const [name, value] of await values())
    text =
      name === "builder"
        ? text.replace(quoted(value), `{{${name}}}`)
        : text.replaceAll(value, `{{${name}}}`);
  text = text.replace(/ministack-auth-token\.[\w-]+/g, "a token of the emulator");
  // The way to this package as programs usually have it; to a checkout it is another on each machine.
  text = text.replace(
    /(\.\.\/)+[^"\\]*\/dist\/components\//g,
    "node_modules/multiarch/dist/components/",
  );
  const checkout = path.resolve(folder, "../..");
  for (const word of [path.dirname(project.directory), checkout, `${os.homedir()}/`, os.hostname()])
    for (const { index } of text.matchAll(new RegExp(word, "g")))
      throw new Error(`${one.program} names ${word}: ${text.slice(index - 100, index + 100)}`);
  writeFileSync(fileOf(one, "json"), `${text}\n`);
}

/** Imports what was written down, its images in their registries. */
export async function restore(one: Recorded, project: Project): Promise<void> {
  let text = readFileSync(fileOf(one, "json"), "utf8");
  for (const [name, value] of await values()) text = text.replaceAll(`{{${name}}}`, value);
  const { images, deployment } = JSON.parse(text) as State;
  for (const [repository, contents] of Object.entries(images)) await push(repository, contents);
  // An import of secrets in clear has them encrypted as the deployment says: as this stack's are.
  const settings = readFileSync(path.join(project.directory, "Pulumi.test.yaml"), "utf8");
  const { encryptionsalt: salt } = parse(settings) as { encryptionsalt: string };
  const provider = { type: "passphrase", state: { salt } };
  const state = {
    ...deployment,
    deployment: { ...deployment.deployment, secrets_providers: provider },
  };
  project.write("state.json", JSON.stringify(state));
  await project.pulumi(["stack", "import", "--file", "state.json"]);
}

/** Forgets the stack: what its state names was never made here. */
export async function forget(project: Project): Promise<void> {
  await project.pulumi(["stack", "rm", "--force", "--yes", "test"]);
  await project.dispose();
}

const created = new Set<string>();

/** Removes the repositories that were made for the images. */
export async function removeRepositories(): Promise<void> {
  for (const repositoryName of created)
    await ecr().send(new DeleteRepositoryCommand({ repositoryName, force: true }));
}

function request(method: string, url: string, init: RequestInit = {}): Promise<Response> {
  const authorization = `Basic ${Buffer.from("AWS:any").toString("base64")}`;
  const absolute = url.startsWith("http") ? url : `http://${url}`;
  return fetch(absolute, { method, ...init, headers: { authorization, ...init.headers } });
}

/** The registry, and the name there. */
function partsOf(repository: string): [registry: string, name: string] {
  const slash = repository.indexOf("/");
  return [repository.slice(0, slash), repository.slice(slash + 1)];
}

/** Takes an image, and what it names before it, out of its registry. */
async function keep(repository: string, digest: string, into: Images[string]): Promise<void> {
  if (into[digest]) return;
  const [host, name] = partsOf(repository);
  const at = `${host}/v2/${name}`;
  const response = await request("GET", `${at}/manifests/${digest}`, {
    headers: { accept: manifestTypes },
  });
  if (!response.ok) throw new Error(`${repository}@${digest}: ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const { manifests, config, layers } = JSON.parse(bytes.toString()) as {
    manifests?: { digest: string }[];
    config?: { digest: string };
    layers?: { digest: string }[];
  };
  for (const child of manifests ?? []) await keep(repository, child.digest, into);
  for (const { digest: blob } of [config ?? [], layers ?? []].flat()) {
    const content = await (await request("GET", `${at}/blobs/${blob}`)).arrayBuffer();
    into[blob] = { content: Buffer.from(content).toString("base64") };
  }
  const type = response.headers.get("content-type") ?? undefined;
  into[digest] = { type, content: bytes.toString("base64") };
}

/** Puts them back. */
async function push(repository: string, contents: Images[string]): Promise<void> {
  const [registry, repositoryName] = partsOf(repository);
  if (registry === environment().aws.registry) {
    created.add(repositoryName);
    await ecr()
      .send(new CreateRepositoryCommand({ repositoryName }))
      .catch((error: Error) => {
        // Left by a run that was killed.
        if (error.name !== "RepositoryAlreadyExistsException") throw error;
      });
  }
  const at = `${registry}/v2/${repositoryName}`;
  for (const [digest, { type, content }] of Object.entries(contents)) {
    const body = Buffer.from(content, "base64");
    let url = `${at}/manifests/${digest}`;
    if (type === undefined) {
      const upload = await request("POST", `${at}/blobs/uploads/`);
      const place = new URL(upload.headers.get("location")!, `http://${registry}`);
      place.searchParams.set("digest", digest);
      url = place.href;
    }
    const headers = { "content-type": type ?? "application/octet-stream" };
    const { status } = await request("PUT", url, { body, headers });
    if (status !== 201) throw new Error(`${repository}@${digest}: the registry answered ${status}`);
  }
}
