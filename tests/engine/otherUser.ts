import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Whether this process can act as another user. */
export const canChangeUser = process.getuid?.() === 0;

const nobody = 65534;

/**
 * Runs a script of Node as another user of this host, and returns what it prints. Node itself starts as root, because
 * it may be installed where only root can read it.
 */
export function asOtherUser(script: string, ...args: string[]): Promise<string> {
  const user = `process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});`;
  return asThisUser(`${user}\n${script}`, ...args);
}

/** Runs the same script as this user. */
export async function asThisUser(script: string, ...args: string[]): Promise<string> {
  const options = { timeout: 30_000, cwd: "/" };
  return (await promisify(execFile)(process.execPath, ["-e", script, ...args], options)).stdout;
}
