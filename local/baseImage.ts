import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  copyFileSync,
} from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { answers } from "./download";
import { LocalError, messageOf } from "./errors";
import { lastLines, must, run, which } from "./exec";
import type { Log } from "./log";
import { ensureDir, stateDir, writeAtomically } from "./paths";

const publicImage = "docker.io/library/busybox:1.37";

/** What building the base takes. */
export interface BaseImageTools {
  readonly docker: string;
  readonly builder: string;
  readonly env: Readonly<Record<string, string>>;
  /** `localhost:PORT` */
  readonly registry: string;
}

/**
 * The image that the example starts from: the public busybox where Docker Hub can be reached, else one
 * of two platforms made from Debian's packages and pushed to the local registry. Decided once.
 */
export async function ensureBaseImage(tools: BaseImageTools, log: Log): Promise<string> {
  if (process.env.MULTIARCH_BASE_IMAGE) return process.env.MULTIARCH_BASE_IMAGE;
  const record = stateDir("base-image");
  const own = `${tools.registry}/base/busybox:1`;
  const decided = existsSync(record) ? readFileSync(record, "utf8").trim() : undefined;
  if (decided === publicImage) return decided;
  if (decided === own && (await inRegistry(tools.registry, "base/busybox", "1"))) return own;
  const hub =
    "https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/busybox:pull";
  const chosen = (await answers(hub)) ? publicImage : own;
  if (chosen === own) await buildBase(own, tools, log);
  writeAtomically(record, chosen);
  return chosen;
}

function inRegistry(registry: string, repository: string, tag: string): Promise<boolean> {
  const headers = { accept: "application/vnd.oci.image.index.v1+json" };
  return new Promise((resolve) => {
    http
      .get(`http://${registry}/v2/${repository}/manifests/${tag}`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      })
      .on("error", () => resolve(false));
  });
}

async function buildBase(reference: string, tools: BaseImageTools, log: Log): Promise<void> {
  if (!which("apt-get") || !which("dpkg-deb")) {
    throw new LocalError(
      "there is no base image for the example",
      "Docker Hub can't be reached, and Debian's packages, from which one could be made, are for Debian and Ubuntu",
      "set MULTIARCH_BASE_IMAGE to an image with a shell and busybox that this machine can pull for both platforms",
    );
  }
  const title = "make a base image from Debian's busybox, for linux/amd64 and linux/arm64";
  await log.step(title, async (progress) => {
    const work = ensureDir(stateDir("base-image.partial"));
    try {
      await fetchPackages(work, progress);
      await layOut(work, progress);
      progress("building");
      await must(
        tools.docker,
        [
          ...["buildx", "build", "--builder", tools.builder, "--provenance=false"],
          ...[
            "--platform",
            "linux/amd64,linux/arm64",
            "--push",
            "--tag",
            reference,
            join(work, "context"),
          ],
        ],
        { env: tools.env, onLine: progress },
      );
    } catch (error) {
      if (error instanceof LocalError) throw error;
      throw new LocalError(
        "the example's base image could not be made",
        lastLines(messageOf(error), 10),
        "set MULTIARCH_BASE_IMAGE to an image with a shell and busybox that this machine can pull for both platforms, or run the same command again",
      );
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

/** Both packages, with settings of their own: the machine's list of architectures stays as it is. */
async function fetchPackages(work: string, progress: (now: string) => void): Promise<void> {
  for (const dir of ["lists/partial", "cache/archives/partial"]) ensureDir(join(work, dir));
  writeFileSync(join(work, "status"), "");
  const config = join(work, "apt.conf");
  writeFileSync(
    config,
    `Dir::State::lists "${join(work, "lists")}";
Dir::State::status "${join(work, "status")}";
Dir::Cache "${join(work, "cache")}";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
`,
  );
  const options = { cwd: work, env: { APT_CONFIG: config, LC_ALL: "C" }, onLine: progress };
  await must("apt-get", ["update"], options);
  await must("apt-get", ["download", "busybox-static:amd64", "busybox-static:arm64"], options);
}

/** A root file system for each platform, and the Dockerfile that takes the right one. */
async function layOut(work: string, progress: (now: string) => void): Promise<void> {
  progress("unpacking");
  const context = ensureDir(join(work, "context"));
  const native = process.arch === "x64" ? "amd64" : "arm64";
  const unpacked = (platform: string) => join(work, `deb-${platform}`);
  for (const platform of ["amd64", "arm64"]) {
    const deb = readdirSync(work).find((file) => file.endsWith(`_${platform}.deb`));
    if (!deb) throw new Error(`apt-get downloaded no busybox-static for ${platform}`);
    await must("dpkg-deb", ["-x", join(work, deb), unpacked(platform)]);
  }
  const binary = (platform: string) =>
    ["bin/busybox", "usr/bin/busybox"]
      .map((path) => join(unpacked(platform), path))
      .find(existsSync) as string;
  const applets = (await run(binary(native), ["--list"])).stdout.trim().split("\n");
  for (const platform of ["amd64", "arm64"]) {
    const rootfs = join(context, platform);
    for (const dir of ["bin", "etc", "tmp", "root", "var", "www"]) {
      mkdirSync(join(rootfs, dir), { recursive: true });
    }
    chmodSync(join(rootfs, "tmp"), 0o1777);
    copyFileSync(binary(platform), join(rootfs, "bin", "busybox"));
    chmodSync(join(rootfs, "bin", "busybox"), 0o755);
    for (const applet of applets) {
      if (applet !== "busybox") symlinkSync("busybox", join(rootfs, "bin", applet));
    }
    writeFileSync(
      join(rootfs, "etc", "passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    );
    writeFileSync(join(rootfs, "etc", "group"), "root:x:0:\nnogroup:x:65534:\n");
  }
  writeFileSync(
    join(context, "Dockerfile"),
    'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH}/ /\nENV PATH=/bin\nCMD ["/bin/sh"]\n',
  );
}
