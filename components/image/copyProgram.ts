/**
 * The program of a Copy: `docker buildx imagetools create`, which copies what the other registry lacks, mounts what it has, and
 * carries every child of an index along. Settings are in MULTIARCH_COPY, credentials in MULTIARCH_LOGINS. What
 * goes wrong is on stderr, with exit 1.
 */
import { docker } from "../command";
import { type Login, useLogins } from "../registry/dockerConfig";
import { explain } from "./explain";

/** How long a copy may take, in milliseconds. */
const limit = 60 * 60_000;

interface Settings {
  readonly name: string;
  readonly source: string;
  readonly target: string;
}

export async function main(): Promise<void> {
  const { name, source, target } = JSON.parse(process.env.MULTIARCH_COPY!) as Settings;
  const logins = (JSON.parse(process.env.MULTIARCH_LOGINS!) as Partial<Login>[]).filter(
    (login): login is Login => Boolean(login.username) && login.password !== undefined,
  );
  try {
    if (!/@sha256:[a-f0-9]{64}$/.test(source))
      throw new Error(`${source} names no digest, and a tag may move: write "repository@sha256:…"`);
    // A single image stays one, where the default would put an index around it.
    const args = ["buildx", "imagetools", "create", "--progress=plain", "--prefer-index=false"];
    const settings = useLogins(logins);
    try {
      const copied = await docker([...args, "--tag", target, source], limit, settings);
      if (!copied.ok) throw new Error(copied.detail);
    } finally {
      settings.close();
    }
  } catch (error) {
    const registry = target.slice(0, target.indexOf("/"));
    const raw = (error as Error).message;
    const place = { subject: target, registry, path: (field: string) => field };
    const reason = explain(raw, { ...place, credentials: logins.length > 0 ? "given" : "stored" });
    const lines = [
      `${source} couldn't be copied to ${target}: ${raw}`,
      ...(reason ? [reason] : []),
    ];
    let text = lines.map((line) => `${name}: ${line}\n`).join("");
    for (const { password } of logins) text = text.replaceAll(password, "***");
    process.stderr.write(text);
    process.exitCode = 1;
  }
}
