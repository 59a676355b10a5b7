import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { answers, download, type Download, Unreachable } from "./download";
import { LocalError, messageOf } from "./errors";
import { isExecutable, lastLines, must, run, which } from "./exec";
import type { Log } from "./log";
import { cacheDir, checkout, fillAtomically, stateDir } from "./paths";
import hashes from "./tools/hashes.json";

/** A program that the environment needs, and every way to get it. */
export interface Tool {
  readonly name: string;
  readonly version: string;
  /** What it is needed for, in half a sentence. */
  readonly purpose: string;
  /** The executables it consists of, with the Go package of each. */
  readonly programs: Readonly<Record<string, string>>;
  /** The folder in local/tools with its pinned modules. */
  readonly module: string;
  readonly ldflags?: string;
  /** Roughly what building it takes on two cores. Minutes. */
  readonly minutes: number;
  /** Prints its version; an installed one that `accepts` is used as it is. */
  readonly versionArgs?: readonly string[];
  readonly accepts?: (version: string) => boolean;
  /** Where an installed one may lie besides PATH. */
  readonly places?: readonly string[];
  /** Absent: it is a program of our own, which is always built. */
  readonly release?: Download & {
    /** Each executable's path in the archive; absent when the file is the executable itself. */
    readonly members?: Readonly<Record<string, string>>;
  };
}

/** Where a tool's executables are. */
export type Programs = Readonly<Record<string, string>>;

const goArch = process.arch === "x64" ? "amd64" : process.arch;

/** The official file for this host. `npm run hashes` fills in the hashes. */
function official(name: keyof typeof hashes, members?: Readonly<Record<string, string>>) {
  const files: Readonly<Record<string, Download>> = hashes[name].files;
  const unknown = { url: `${name} for ${process.platform}-${goArch}`, hash: null };
  const { url, hash } = files[`${process.platform}-${goArch}`] ?? unknown;
  return { url, hash, members };
}

/** Whether a version, wherever it stands in a text, is at least the given one. */
export function atLeast(text: string, wanted: string): boolean {
  const got = /(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number);
  if (!got) return false;
  const [a = 0, b = 0, c = 0] = wanted.split(".").map(Number);
  const [x = 0, y = 0, z = 0] = got;
  return x === a && (y > b || (y === b && z >= c));
}

/** The tools, each in the one version that the tests ran with. */
export const tools = {
  pulumi: {
    name: "pulumi",
    version: "3.259.0",
    purpose: "runs the program",
    programs: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    module: "pulumi",
    ldflags: "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=3.259.0",
    minutes: 6,
    versionArgs: ["version"],
    accepts: (text) => atLeast(text, "3.248.0"),
    release: official("pulumi", { pulumi: "pulumi/pulumi" }),
  },
  command: {
    name: "pulumi-resource-command",
    version: "1.2.1",
    purpose: "is the Pulumi plugin that runs commands",
    programs: { "pulumi-resource-command": "" },
    module: "",
    minutes: 0,
    release: official("pulumi-resource-command", {
      "pulumi-resource-command": "pulumi-resource-command",
    }),
  },
  dockerBuild: {
    name: "pulumi-resource-docker-build",
    version: "0.0.22",
    purpose: "is the Pulumi plugin that builds images",
    programs: {
      "pulumi-resource-docker-build":
        "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
    },
    module: "docker-build",
    ldflags: "-X github.com/pulumi/pulumi-docker-build/provider.Version=0.0.22",
    minutes: 3,
    release: official("pulumi-resource-docker-build", {
      "pulumi-resource-docker-build": "pulumi-resource-docker-build",
    }),
  },
  yaml: {
    name: "pulumi-language-yaml",
    version: "1.32.0",
    purpose: "runs Pulumi programs in YAML",
    programs: { "pulumi-language-yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml" },
    module: "yaml",
    ldflags: "-X github.com/pulumi/pulumi-yaml/pkg/version.Version=1.32.0",
    minutes: 1,
    release: official("pulumi-language-yaml", { "pulumi-language-yaml": "pulumi-language-yaml" }),
  },
  sdkgen: {
    name: "sdkgen",
    version: "3.259.0",
    purpose: "generates the SDKs for Python and Go as Pulumi 3.259.0 does",
    programs: { sdkgen: "multiarch.local/pulumi/sdkgen" },
    module: "pulumi",
    minutes: 1,
  },
  buildkit: {
    name: "buildkit",
    version: "0.34.2",
    purpose: "builds images for several platforms",
    programs: {
      buildkitd: "github.com/moby/buildkit/cmd/buildkitd",
      buildctl: "github.com/moby/buildkit/cmd/buildctl",
    },
    module: "buildkit",
    ldflags: "-X github.com/moby/buildkit/version.Version=v0.34.2",
    minutes: 3,
    versionArgs: ["--version"],
    accepts: (text) => text.includes("v0.34.2"),
    release: official("buildkit", { buildkitd: "bin/buildkitd", buildctl: "bin/buildctl" }),
  },
  buildx: {
    name: "buildx",
    version: "0.38.2",
    purpose: "is the Docker command that talks to builders",
    programs: { "docker-buildx": "github.com/docker/buildx/cmd/buildx" },
    module: "buildx",
    ldflags: "-X github.com/docker/buildx/version.Version=v0.38.2",
    minutes: 2,
    versionArgs: ["version"],
    accepts: (text) => text.includes("v0.38.2"),
    places: [
      "/usr/local/lib/docker/cli-plugins",
      "/usr/local/libexec/docker/cli-plugins",
      "/usr/lib/docker/cli-plugins",
      "/usr/libexec/docker/cli-plugins",
    ],
    release: official("buildx"),
  },
  registry: {
    name: "registry",
    version: "3.1.2",
    purpose: "keeps the images",
    programs: { registry: "github.com/distribution/distribution/v3/cmd/registry" },
    module: "registry",
    ldflags: "-X github.com/distribution/distribution/v3/version.version=v3.1.2",
    minutes: 1,
    versionArgs: ["--version"],
    accepts: (text) => /\bdistribution\b/.test(text) && text.includes("v3.1.2"),
    release: official("registry", { registry: "registry" }),
  },
} satisfies Record<string, Tool>;

/** Gets a tool: an installed one, the one from an earlier run, the official download, or built here. */
export async function ensureTool(tool: Tool, log: Log): Promise<Programs> {
  const found = await findTool(tool, log);
  if (typeof found !== "string") return found;
  const directory = directoryOf(tool);
  await build(tool, directory, found, log);
  return programsIn(tool, directory) as Programs;
}

const directoryOf = (tool: Tool) => cacheDir("tools", `${tool.name}-${tool.version}`);

/** Gets a tool without building it, or the reason why there is none. */
async function findTool(tool: Tool, log: Log): Promise<Programs | string> {
  const installed = await findInstalled(tool);
  if (installed) return installed;
  const directory = directoryOf(tool);
  const cached = programsIn(tool, directory);
  if (cached) return cached;
  if (!tool.release) return "it is part of this checkout";
  const missed = await tryDownload(tool, tool.release, directory, log);
  return missed ?? (programsIn(tool, directory) as Programs);
}

/**
 * Gets the official release of a tool that a stand-in or a build is used for: the one from an earlier run, or a download. It waits at
 * most 3 seconds for the publisher's answer.
 */
export async function findOfficial(tool: Tool, log: Log): Promise<Programs | undefined> {
  const directory = cacheDir("tools", `${tool.name}-${tool.version}-official`);
  const cached = programsIn(tool, directory);
  if (cached || !tool.release?.hash || !(await answers(tool.release.url))) return cached;
  await tryDownload(tool, tool.release, directory, log);
  return programsIn(tool, directory);
}

async function findInstalled(tool: Tool): Promise<Programs | undefined> {
  if (!tool.versionArgs || !tool.accepts) return undefined;
  const found: Record<string, string> = {};
  for (const program of Object.keys(tool.programs)) {
    const path = [which(program), ...(tool.places ?? []).map((place) => join(place, program))].find(
      (candidate) => candidate !== undefined && isExecutable(candidate),
    );
    // A tool of our own is on PATH when one of our commands starts another.
    if (!path || path.startsWith(cacheDir())) return undefined;
    // Even `pulumi version` writes into its home, and the user's is not ours to write into.
    const env = { PULUMI_HOME: stateDir("pulumi-home"), PULUMI_SKIP_UPDATE_CHECK: "true" };
    const version = await run(path, [...tool.versionArgs], { timeout: 10_000, env });
    if (version.code !== 0 || !tool.accepts(version.stdout)) return undefined;
    found[program] = path;
  }
  return found;
}

/** A tool's directory is renamed into place when it is complete, so what is there is whole. */
function programsIn(tool: Tool, directory: string): Programs | undefined {
  const paths = Object.keys(tool.programs).map((name) => [name, join(directory, name)] as const);
  return paths.every(([, path]) => isExecutable(path)) ? Object.fromEntries(paths) : undefined;
}

/** Gives undefined when it worked, else why it did not. */
async function tryDownload(
  tool: Tool,
  release: NonNullable<Tool["release"]>,
  directory: string,
  log: Log,
): Promise<string | undefined> {
  try {
    await fillAtomically(directory, async (temporary) => {
      const file = join(temporary, "download");
      await download(release, file);
      await unpack(tool, release, file, temporary);
    });
    log.info(`  ✓ downloaded ${tool.name} ${tool.version}, hash as in this repository`);
    return undefined;
  } catch (error) {
    if (error instanceof Unreachable) return error.message;
    // Worth a loud line: the file is there, and is not the one that this repository names.
    log.info(`  ! the download of ${tool.name} is not used: ${messageOf(error)}`);
    return messageOf(error);
  }
}

async function unpack(
  tool: Tool,
  { members, url }: NonNullable<Tool["release"]>,
  file: string,
  directory: string,
): Promise<void> {
  if (!members) {
    for (const program of Object.keys(tool.programs)) copyFileSync(file, join(directory, program));
  } else {
    const content = join(directory, "content");
    mkdirSync(content);
    await must("tar", ["-xzf", file, "-C", content]);
    for (const folder of new Set(Object.values(members).map((member) => dirname(member)))) {
      // With what lies beside it: Pulumi's CLI looks for its language hosts there.
      const from = join(content, folder);
      if (!existsSync(from)) throw new Error(`${url} holds no folder ${folder}`);
      for (const name of readdirSync(from)) renameSync(join(from, name), join(directory, name));
    }
    rmSync(content, { recursive: true });
  }
  rmSync(file);
  for (const program of Object.keys(tool.programs)) {
    const path = join(directory, program);
    if (!existsSync(path)) throw new Error(`${url} does not hold ${program}`);
    chmodSync(path, 0o755);
  }
}

/** Go's command, from the PATH or from where its own installer puts it. */
export function goCommand(): string | undefined {
  const usual = "/usr/local/go/bin/go";
  return which("go") ?? (isExecutable(usual) ? usual : undefined);
}

async function build(tool: Tool, directory: string, missed: string, log: Log): Promise<void> {
  const go = goCommand();
  const needed = `${tool.name} ${tool.version} is missing (it ${tool.purpose})`;
  if (!go) {
    throw new LocalError(
      needed,
      `it is not installed, it can't be downloaded (${missed}), and there is no Go to build it with`,
      `install Go 1.21 or newer (https://go.dev/dl), or ${tool.name} ${tool.version} itself, and run the same command again`,
    );
  }
  log.info(`  ! no official download of ${tool.name} (${missed}); building it here, once, with Go`);
  const title = `build ${tool.name} ${tool.version} (about ${tool.minutes} min on two cores)`;
  await log.step(title, (progress) =>
    fillAtomically(directory, async (temporary) => {
      let packages = 0;
      const result = await run(
        go,
        [
          ...[
            "build",
            "-mod=readonly",
            "-v",
            "-trimpath",
            "-ldflags",
            `-s -w ${tool.ldflags ?? ""}`,
          ],
          ...["-o", `${temporary}/`, ...Object.values(tool.programs)],
        ],
        {
          cwd: join(checkout, "local", "tools", tool.module),
          env: { CGO_ENABLED: "0", GOWORK: "off", GOOS: "linux", GOARCH: goArch },
          onLine: (line) => progress(line.includes(" ") ? line : `${++packages} packages`),
        },
      );
      if (result.code !== 0) {
        throw new LocalError(
          needed,
          `building it failed:\n${lastLines(result.stderr, 8).replace(/^/gm, "        ")}`,
          "check that Go can reach its module proxy (`go env GOPROXY`) and that the disk isn't full, then run the same command again; what was compiled is kept",
        );
      }
      for (const [program, path] of Object.entries(tool.programs)) {
        const built = join(temporary, path.slice(path.lastIndexOf("/") + 1));
        if (built !== join(temporary, program)) renameSync(built, join(temporary, program));
      }
    }),
  );
}
