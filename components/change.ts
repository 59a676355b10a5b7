import { parseArchitecture } from "./platform";

type TargetName = "ec2" | "ecs" | "lambda" | "host";
const targetNames: readonly TargetName[] = ["ec2", "ecs", "lambda", "host"];

/** A target's arguments. What isn't known yet is no text, and says nothing. */
type Machine = Readonly<Record<string, unknown>>;

/** What a preview compares of a component: an App's recorded arguments, or of a part that stands alone that part's. */
export type Recorded = { readonly [target in TargetName]?: Machine } & {
  /** The platforms, each with the settings that ask for it. */
  readonly image?: {
    readonly platforms?: Readonly<Record<string, string>>;
    /** The finished image that is taken, such as an earlier release. */
    readonly ref?: unknown;
  };
};

/** A step of the engine on what runs a target: the thing that serves, or the release on it. */
export interface Step {
  readonly target: TargetName;
  readonly thing: "server" | "release";
  readonly op: "create" | "update";
  readonly name: string;
}

const things: readonly [RegExp, TargetName, Step["thing"]][] = [
  [/:Ec2Target\$aws:ec2\/instance:/, "ec2", "server"],
  [/:Ec2Target\$aws:ssm\/association:/, "ec2", "release"],
  [/:EcsTarget\$aws:ecs\/service:/, "ecs", "server"],
  [/:LambdaTarget\$aws:lambda\/function:/, "lambda", "server"],
  [
    /:HostTarget\$command:(?:local|remote):Command::(?!.*-(?:identity|pull|removal)$)/,
    "host",
    "release",
  ],
];

/** The step on a resource; undefined where it is none of those that serve. */
export function stepOn(urn: string, op: Step["op"]): Step | undefined {
  const found = things.find(([pattern]) => pattern.test(urn));
  return found && { target: found[1], thing: found[2], op, name: urn.split("::").at(-1)! };
}

const goesOn = "the service goes on";
const changes = "the address changes";

/** What becomes of each target, and of the service meanwhile. A missing one fails to compile. */
const effects: Readonly<Record<TargetName, (steps: Step[], old: Machine, now: Machine) => string>> =
  {
    ec2: (steps, old, now) => {
      const servers = steps.filter(({ thing }) => thing === "server");
      const count = Number(old.instances ?? 1);
      const before = servers.filter(({ name }) => Number(/-(\d+)$/.exec(name)?.[1]) <= count);
      if (before.some(({ op }) => op === "create"))
        return `instances are replaced, the old ones last: ${moved(now)}`;
      if (before.length > 0 && text(old.instanceType) !== text(now.instanceType))
        return "instances are stopped and changed in place: the service is interrupted for a minute or two";
      if (
        before.length > 0 &&
        steps.some(({ thing, op }) => thing === "release" && op === "create")
      )
        return `instances are changed in place, then the release is: ${switched(now)}`;
      if (before.length > 0) return `instances are changed in place: ${goesOn}`;
      if (servers.length > 0) return `instances are added: ${goesOn}`;
      if (Number(now.instances ?? 1) < count) return `instances are removed: ${goesOn}`;
      return `released in place: ${switched(now)}`;
    },
    ecs: ([step]) =>
      step!.op === "create"
        ? `the service is replaced, the old one last: ${goesOn}`
        : `updated in place, tasks one after another: ${goesOn}`,
    lambda: ([step]) =>
      step!.op === "create" ? "the function is replaced" : `updated in place: ${goesOn}`,
    host: (steps, _, now) =>
      steps.some(({ op }) => op === "create")
        ? "released on a machine where it wasn't, and removed last where it no longer belongs"
        : `released in place: ${switched(now)}`,
  };

/** What decides at which address AWS has a target reached; undefined where at none. */
const addresses: Readonly<Record<TargetName, (of: Machine) => string | undefined>> = {
  ec2: (of) =>
    balancer(of) ??
    (of.containerPort === undefined ? undefined : `elastic: ${of.elasticIp !== false}`),
  ecs: (of) => balancer(of),
  lambda: (of) => (of.functionUrl ? `alias: ${text(of.alias) ?? "live"}` : undefined),
  host: () => undefined,
};

function balancer({ loadBalancer: of }: Machine): string | undefined {
  return of ? `internal: ${(of as Machine).internal === true}` : undefined;
}

/** What callers have to mind, where a target is no longer reached where it was. */
function elsewhere(target: TargetName, old: Machine, now: Machine): string | undefined {
  const [before, after] = [addresses[target](old), addresses[target](now)];
  if (before === undefined || before === after) return undefined;
  return after === undefined ? "the address goes" : changes;
}

/** How callers get from an instance to the one that replaces it. */
function moved(now: Machine): string {
  if (now.containerPort === undefined) return goesOn;
  // Nothing waits for the load balancer's own checks of an instance that is registered.
  if (now.loadBalancer !== undefined)
    return "the service may be interrupted until the load balancer has checked the new ones";
  if (now.elasticIp === false) return changes;
  return "the service is interrupted for seconds, while the address moves";
}

function switched({ strategy = "swap" }: Machine): string {
  const times: Record<string, string> = {
    swap: "for less than a second",
    "stop-first": "while the new release starts",
  };
  return `the service is interrupted ${times[text(strategy) ?? ""] ?? "as its strategy says"}`;
}

/**
 * One line on what is about to change: platforms, builds, targets, and whether the service is interrupted. Undefined where
 * none of that changes.
 *
 * @param builds what will be built, and how: `linux/arm64 (may need emulation)`
 */
export function describeChange(
  old: Recorded,
  now: Recorded,
  builds: readonly string[],
  steps: readonly Step[],
): string | undefined {
  const parts = [
    ...taken(old.image?.ref, now.image?.ref),
    ...platformChanges(old.image?.platforms ?? {}, now.image?.platforms ?? {}),
  ];
  const changed = parts.length > 0;
  if (builds.length > 0) parts.push(`builds ${[...builds].sort().join(", ")}`);
  else if (changed) parts.push("nothing is built");
  let touched = changed || builds.length > 0;
  for (const name of targetNames) {
    const [before, after] = [old[name], now[name]];
    if (before === undefined && after === undefined) continue;
    const own = steps.filter(({ target }) => target === name);
    const address = before && after && elsewhere(name, before, after);
    touched ||= own.length > 0 || !before || !after || address !== undefined;
    const effect = before && after && own.length > 0 && effects[name](own, before, after);
    const said = [effect, effect && effect.endsWith(changes) ? "" : address]
      .filter(Boolean)
      .join(", ");
    if (before === undefined) parts.push(`${name} comes`);
    else if (after === undefined) parts.push(`${name} goes: the service there ends`);
    else if (said === "") parts.push(`${name} isn't touched`);
    else parts.push(`${name}${machines(before, after)}: ${said}`);
  }
  return touched ? parts.join("; ") : undefined;
}

/** Another finished image, a digest cut to what tells it from others. */
function taken(old: unknown, now: unknown): string[] {
  if (text(now) === undefined || now === old) return [];
  return [`takes ${text(now)!.replace(/(@sha256:.{12}).+$/, "$1")} as it is`];
}

function platformChanges(
  old: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().flatMap((platform) => {
    const [before, after] = [old[platform], now[platform]];
    if (before === after) return [];
    if (before === undefined) return [`${platform} comes (${after})`];
    if (after === undefined) return [`${platform} goes (was for ${before})`];
    return [`${platform} stays (${after}; was for ${before})`];
  });
}

/** `(t3.small → t4g.small)` where another machine is asked for. */
function machines(old: Machine, now: Machine): string {
  const of = (one: Machine) =>
    text(one.instanceType) ?? parseArchitecture(one.architecture) ?? "x86_64";
  return of(old) === of(now) ? "" : ` (${of(old)} → ${of(now)})`;
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
