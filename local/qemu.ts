import { existsSync, readFileSync, rmSync } from "node:fs";
import { emulatorImage } from "../components/builders/emulators";
import type { Engine } from "./docker";
import { LocalError } from "./errors";
import { run, which } from "./exec";
import type { Log } from "./log";
import { installPackages } from "./packages";
import { stateDir, writeAtomically } from "./paths";

const binfmt = "/proc/sys/fs/binfmt_misc";
const record = () => stateDir("qemu.json");

/** What was changed on this machine, to be undone by `npm run down`. */
interface Changes {
  mounted: boolean;
  enabled: string[];
}

/** The architecture that this machine has to emulate, in QEMU's words. */
export const foreignArchitecture = (): string => (process.arch === "arm64" ? "x86_64" : "aarch64");

const isEnabled = (arch: string): boolean => {
  const file = `${binfmt}/qemu-${arch}`;
  return existsSync(file) && readFileSync(file, "utf8").startsWith("enabled");
};

/** Makes the kernel run programs of the other architecture through QEMU. */
export async function ensureEmulation(engine: Engine, log: Log): Promise<void> {
  const arch = foreignArchitecture();
  if (isEnabled(arch)) return;
  if (process.getuid?.() !== 0) {
    // Whoever may use the engine can have it do what root could.
    const platform = process.arch === "arm64" ? "amd64" : "arm64";
    const install = ["run", "--privileged", "--rm", emulatorImage, "--install", platform];
    await log.step(`register QEMU for ${arch} (docker ${install.join(" ")})`, (progress) =>
      run(engine.docker, install, { env: { DOCKER_HOST: engine.host }, onLine: progress }),
    );
    if (isEnabled(arch)) return;
    throw new LocalError(
      `this machine can't run ${arch} programs`,
      "a RUN step for the other platform needs QEMU registered with the kernel, and only root can do that",
      "run once: sudo apt-get install qemu-user-static binfmt-support (or: docker run --privileged --rm tonistiigi/binfmt --install all)",
    );
  }
  const changes: Changes = { mounted: false, enabled: [] };
  if (!existsSync(`${binfmt}/status`)) {
    const mount = await run("mount", ["-t", "binfmt_misc", "none", binfmt]);
    if (mount.code !== 0) {
      throw new LocalError(
        "binfmt_misc can't be mounted",
        `the kernel needs it to run ${arch} programs through QEMU: ${mount.stderr.trim()}`,
        "load the module (modprobe binfmt_misc), or let a builder of that architecture do the work (`builders`)",
      );
    }
    changes.mounted = true;
    writeAtomically(record(), JSON.stringify(changes));
  }
  if (!which("update-binfmts") || !which(`qemu-${arch}-static`)) {
    await installPackages(
      ["qemu-user-static", "binfmt-support"],
      `runs ${arch} build steps on this machine`,
      log,
    );
  }
  if (!isEnabled(arch)) await run("update-binfmts", ["--enable", `qemu-${arch}`]);
  if (!isEnabled(arch)) {
    throw new LocalError(
      `QEMU for ${arch} could not be registered`,
      `\`update-binfmts --enable qemu-${arch}\` left ${binfmt}/qemu-${arch} off`,
      `look at \`update-binfmts --display qemu-${arch}\` and run the same command again`,
    );
  }
  changes.enabled = [`qemu-${arch}`];
  writeAtomically(
    record(),
    JSON.stringify({ ...changes, mounted: changes.mounted || recorded().mounted }),
  );
  log.info(`  ✓ registered QEMU for ${arch} with the kernel`);
}

function recorded(): Changes {
  return existsSync(record())
    ? (JSON.parse(readFileSync(record(), "utf8")) as Changes)
    : { mounted: false, enabled: [] };
}

/** Takes back what `ensureEmulation` changed, and nothing else. Gives what it undid. */
export async function removeEmulation(): Promise<string[]> {
  const changes = recorded();
  for (const name of changes.enabled) await run("update-binfmts", ["--disable", name]);
  if (changes.mounted) await run("umount", [binfmt]);
  rmSync(record(), { force: true });
  return changes.enabled;
}
