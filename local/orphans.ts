import { readFileSync, readdirSync, statSync } from "node:fs";
import { waitFor } from "./exec";
import { stateDir } from "./paths";

/**
 * Ends the plugins of Pulumi runs that were killed. Each has a process group of its own and looks for its engine every few
 * minutes only, so it outlives a SIGKILL of everything else and may still be at work on a build that nobody waits for.
 */
export async function endOrphanedPlugins(): Promise<void> {
  const orphans = findOrphanedPlugins();
  for (const pid of orphans) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It ended in the meantime.
    }
  }
  const gone = async () => (findOrphanedPlugins().length === 0 ? true : undefined);
  if (orphans.length > 0) await waitFor(gone, 5_000);
}

/** The user's processes that run a plugin of this environment and whose parent is no Pulumi. */
function findOrphanedPlugins(): number[] {
  const plugins = `${stateDir("pulumi-home", "plugins")}/`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        if (!program.startsWith(plugins)) return false;
        return statSync(`/proc/${pid}`).uid === process.getuid?.() && !isPulumi(parentOf(pid));
      } catch {
        return false; // It ended in the meantime.
      }
    });
}

/** The parent stands behind the program's name, which may hold spaces and parentheses itself. */
function parentOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? "";
}

function isPulumi(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pulumi";
  } catch {
    return false;
  }
}
