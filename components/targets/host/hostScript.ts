import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What runs on a host, host.sh: whole, or what one of its two commands needs of it. It goes in with the command, and so lies in the state:
 * what is removed years later must not need this package. There, and in every message of Pulumi's about the command, each byte counts.
 */
export function hostScript(command?: "pull" | "release"): string {
  const whole = readFileSync(join(__dirname, "host.sh"), "utf8");
  const [common, pull, release, end] = whole.split(/^(?=# .* =+$)/m);
  if (command === undefined) return whole;
  return common! + { pull, release }[command]! + end!;
}
