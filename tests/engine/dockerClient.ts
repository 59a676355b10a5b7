import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { environment } from "./harness";

/**
 * What the docker client prints, with the engine of the embedded environment. Never synchronously: a registry's front may be
 * served by this very process.
 */
export async function runDocker(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { docker, env: own } = environment();
  const options = { env: { ...process.env, ...own, ...env } };
  return (await promisify(execFile)(docker, args, options)).stdout;
}

/** Makes a BuildKit known under a name for the time of the work. */
export async function withBuilder<T>(
  endpoint: string,
  use: (name: string) => Promise<T>,
): Promise<T> {
  const name = `test-${process.pid}-${Math.random().toString(36).slice(2)}`;
  await runDocker(["buildx", "create", "--name", name, "--driver", "remote", endpoint]);
  try {
    return await use(name);
  } finally {
    await runDocker(["buildx", "rm", "--timeout", "1s", name]);
  }
}
