import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environment, processesOf } from "../engine/harness";
import { runDocker } from "../engine/dockerClient";
import { secretForms } from "../engine/secretForms";

/** What a fault may leave behind on this machine, as far as it belongs to one project. */
export interface Leftovers {
  /** `NAME STATE` of containers that the release which serves and the one before don't account for. */
  readonly containers: string[];
  /** Images of the app beyond those of these two. */
  readonly images: number;
  /** Builders that weren't there before. */
  readonly builders: string[];
  /** Entries of the temporary folder that the project was given. */
  readonly files: string[];
  /** Commands that still run, but for Pulumi's plugins. */
  readonly processes: string[];
  /** Files in which a secret stands. */
  readonly secrets: string[];
}

export const nothing: Leftovers = {
  containers: [],
  images: 0,
  builders: [],
  files: [],
  processes: [],
  secrets: [],
};

const run = async (...args: string[]) => (await runDocker(args)).split("\n").filter(Boolean);

/** The names of the builders. */
export const builders = async (): Promise<string[]> =>
  (await run("buildx", "ls", "--format", "{{.Builder.Name}}")).sort();

/**
 * Whether it is a plugin or a language host of Pulumi's. Some outlive a killed engine: each looks for it every five minutes
 * (`rpcutil.Healthcheck` in the SDK's provider.Main) and ends.
 */
export const isPlugin = (command: string): boolean => /\/pulumi-(resource|language)-/.test(command);

/** Whether it is what Pulumi's own language host leaves in the temporary folder after a kill: a folder of two named pipes. */
export const isPipes = (name: string): boolean => name.startsWith("pulumi-node-pipes");

/** Looks for them. */
export async function leftovers(options: {
  /** The project's folder. */
  directory: string;
  /** The container's name: PROJECT-STACK-APP. */
  container: string;
  /** What `builders` said before. */
  builders: string[];
  /** The folder for temporary files that the project was given. */
  temporary: string;
  secrets: string[];
}): Promise<Leftovers> {
  const { directory, container, temporary, secrets } = options;
  const { PULUMI_HOME, DOCKER_CONFIG, BUILDX_CONFIG } = environment().env;
  if (!PULUMI_HOME || !DOCKER_CONFIG || !BUILDX_CONFIG)
    throw new Error("a folder that is to be looked through isn't named");
  const containers = await run(
    ...["ps", "--all", "--filter", `name=^${container}`, "--format", "{{.Names}} {{.State}}"],
  );
  const images = await run("images", "--quiet", `localhost/multiarch/${container}`);
  const accounted = [`${container} running`, `${container}-previous exited`];
  return {
    containers: containers.filter((one) => !accounted.includes(one)),
    images: Math.max(0, images.length - 2),
    builders: (await builders()).filter((name) => !options.builders.includes(name)),
    files: readdirSync(temporary).filter((name) => !isPipes(name)),
    processes: processesOf(directory)
      .map(({ command }) => command)
      .filter((command) => !isPlugin(command)),
    secrets: [directory, `${directory}/../state`, temporary, PULUMI_HOME, DOCKER_CONFIG]
      .concat(BUILDX_CONFIG)
      .flatMap((folder) => filesWith(folder, secrets)),
  };
}

/** Files below a folder that hold one of the texts, in base64 too. Plugins and workspaces of others are too many to be read: small files only. */
function filesWith(folder: string, texts: string[]): string[] {
  if (!existsSync(folder)) return [];
  const needles = texts.flatMap(secretForms).map(({ needle }) => needle);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/node_modules/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      try {
        const content = readFileSync(file);
        return content.length < 4_000_000 && needles.some((needle) => content.includes(needle));
      } catch {
        return false; // Gone meanwhile: the folders are shared.
      }
    });
}
