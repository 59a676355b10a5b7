/** What Docker's client does with images in registries. For programs: nothing of Pulumi is imported. */
import { docker, type Surroundings } from "../command";
import { Refusal } from "../errors";
import { type Login, useLogins } from "../registry/dockerConfig";
import { digestOf, parseReference } from "../registry/reference";
import { type ErrorPlace, explain } from "./explain";

/** A tag, and what is pushed under it. */
export interface Tagging {
  /** `repository@sha256:…` of each image or index. Several are joined to one index. */
  readonly sources: readonly string[];
  /** `repository:tag` */
  readonly target: string;
  /** Whether a single image gets an index around it. Otherwise it is copied as it is. */
  readonly index?: boolean;
  /** Where the credentials of the target's registry come from, for messages. */
  readonly credentials: ErrorPlace["credentials"];
  /** The command that pushes a missing source again, if there is one. */
  readonly rebuild?: string;
  /** What precedes the user's fields, for messages: `image.` within an App. */
  readonly path: string;
}

/** The time that the client may take, in milliseconds. */
const limit = 60 * 60_000;

/**
 * Pushes an index or a copy with `docker buildx imagetools create`, which copies what the other registry lacks and mounts what it
 * has. Children of an index, such as attestations, are copied too.
 *
 * @throws Refusal with the client's own words, and what they mean
 */
export async function pushTag(tagging: Tagging, logins: readonly Login[]): Promise<void> {
  const { sources, target, index = false, credentials, rebuild, path } = tagging;
  const failed = index
    ? `the index ${target} could not be created`
    : `${sources.join()} could not be copied to ${target}`;
  try {
    for (const reference of [...sources, target]) {
      const parsed = parseReference(reference);
      if (!parsed.ok) throw new Error(`${reference}: ${parsed.error}`);
      if (reference !== target && parsed.reference.digest === undefined)
        throw new Error(`${reference} must include a digest, because tags can change`);
    }
    const client = useLogins(logins, [...sources, target]);
    const args = ["imagetools", "create", "--progress=plain", `--prefer-index=${index}`];
    try {
      await buildx([...args, "--tag", target, ...sources], client);
    } finally {
      client.close();
    }
  } catch (error) {
    // The last line tells what failed. Before it are the steps that succeeded.
    const message = (error as Error).message.replace(/^[^]*(?:^|\n)ERROR: /, "");
    const missing = sources.find((one) => message.includes(`${digestOf(one)}: not found`));
    const place: ErrorPlace = {
      subject: index ? `the index ${target}` : target,
      registry: target.slice(0, target.indexOf("/")),
      credentials,
      path: (field) => `${path}${field}`,
    };
    const lost = missing && `${missing} is no longer in the registry`;
    const reason = lost
      ? `${lost}: ${rebuild ? `\`${rebuild}\` makes it again` : "push it again, or name another image"}`
      : explain(message, place);
    throw failure(`${failed}: ${message}`, reason);
  }
}

/** Lines for a failure of Docker's client. What it printed is marked after its first line, so that it cannot pass for our own lines. */
export function failure(raw: string, reason?: string): Refusal {
  const [first = "", ...more] = raw.split("\n");
  const explained = reason === undefined ? [] : [reason];
  return new Refusal(first, ...more.map((line) => `  | ${line}`), ...explained);
}

/** Runs buildx and returns what it printed. */
export async function buildx(args: readonly string[], surroundings: Surroundings): Promise<string> {
  const ran = await docker(["buildx", ...args], limit, surroundings);
  if (ran.ok) return ran.stdout;
  // The step that failed with what it printed, and an error that may have several lines.
  const from = ran.late ? -1 : ran.stderr.search(/^(------$|ERROR: )/m);
  throw new Error(from < 0 ? ran.detail : ran.stderr.slice(from).trim());
}
