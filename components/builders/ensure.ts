import { type BuilderArgs, BuilderDriver } from "./builderArgs";
import { forget, remember, type Created } from "./created";
import { createArguments, difference, inWords } from "./definition";
import { docker } from "../command";
import { type BuilderFacts, inspectBuilder } from "./facts";

/** Where a builder is made sure of. */
export interface EnsurePlace {
  /** The user's field. */
  readonly path: string;
  /** In previews nothing is made or started. */
  readonly preview: boolean;
  /** Says what takes a while. */
  readonly say: (text: string) => Promise<void>;
}

/** Making one asks its engine; starting one may pull BuildKit's image. Milliseconds. */
const limits = { create: 60_000, boot: 600_000 };

/**
 * Makes sure of a builder, and gives what it can do: in `up` one that isn't there is made, where its driver is stated, and
 * one that is stopped is started. One that is there is never changed. Safe for several at a time.
 *
 * @throws where it can't be made or started.
 */
export function ensureBuilder(
  builder: BuilderArgs | undefined,
  place: EnsurePlace,
): Promise<BuilderFacts> {
  if (builder === undefined || place.preview) return inspectBuilder(builder?.name);
  return oneAtATime(`builder ${builder.name.toLowerCase()}`, () => made(builder, place));
}

async function made(builder: BuilderArgs, place: EnsurePlace): Promise<BuilderFacts> {
  const facts = await inspectBuilder(builder.name);
  if (facts.state === "missing" && builder.driver !== undefined) return create(builder, place);
  return running(facts, builder, place);
}

async function create(builder: BuilderArgs, place: EnsurePlace): Promise<BuilderFacts> {
  const endpoints = builder.endpoint === undefined ? [] : [builder.endpoint];
  const words = `builder "${builder.name}" (${inWords(builder.driver, endpoints)})`;
  const run = await docker(["buildx", ...createArguments(builder)], limits.create);
  // Another process was quicker: what it made is looked at like any other.
  const ours = !/existing instance for/.test(run.stderr);
  if (!run.ok && ours) {
    throw new Error(
      `${place.path}: ${words} can't be made (${run.detail}); mend that, or name a builder that is there`,
    );
  }
  const facts = await inspectBuilder(builder.name);
  if (!ours) return running(facts, builder, place);
  const record: Created = {
    kind: "builder",
    name: builder.name,
    driver: builder.driver!,
    endpoints: "endpoints" in facts ? facts.endpoints : endpoints,
  };
  remember(record);
  if (facts.state === "unreachable" && builder.driver === BuilderDriver.Remote) {
    // Left there, it would stand in the way of the address put right.
    const removed = await docker(["buildx", "rm", "--timeout", "1s", builder.name], limits.create);
    if (removed.ok) forget(record);
    return facts;
  }
  await place.say(`made ${words}; it stays on this machine`);
  return running(facts, builder, place);
}

/** Starts a builder that is stopped, unless it is another one than was stated. */
async function running(
  facts: BuilderFacts,
  builder: BuilderArgs,
  place: EnsurePlace,
): Promise<BuilderFacts> {
  const stopped = facts.state === "stopped" && difference(facts, builder) === undefined;
  return stopped ? boot(builder, place) : facts;
}

async function boot(builder: BuilderArgs, place: EnsurePlace): Promise<BuilderFacts> {
  await place.say(`starting builder "${builder.name}", which may pull BuildKit's image first`);
  const run = await docker(["buildx", "inspect", "--bootstrap", builder.name], limits.boot);
  const facts = await inspectBuilder(builder.name);
  if (run.ok || facts.state === "ready") return facts;
  throw new Error(
    `${place.path}: builder "${builder.name}" can't be started (${run.detail}); see that its engine runs and can pull BuildKit's image (${place.path}.driverOptions.image names another one), or name another builder`,
  );
}

const underWay = new Map<string, Promise<BuilderFacts>>();

/** Two platforms, or two images, that need the same at the same time wait for one another and get the same answer. */
export function oneAtATime(key: string, work: () => Promise<BuilderFacts>): Promise<BuilderFacts> {
  const running = underWay.get(key);
  if (running !== undefined) return running;
  const started = work().finally(() => underWay.delete(key));
  underWay.set(key, started);
  return started;
}
