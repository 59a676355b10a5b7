import * as pulumi from "@pulumi/pulumi";
import { describeChange, type Recorded, type Step, stepOn } from "./change";
import { beforeChange, hooksSupported, joinHooks, settled } from "./hooks";
import { scopedName } from "./scope";
import { log } from "./log";

const announcing = new WeakSet<pulumi.Resource>();
const builds = new WeakMap<pulumi.Resource, string[]>();
const watched =
  /^(aws:(ec2\/instance|ssm\/assoc|ecs\/service|lambda\/func)|command:|docker-build:index:Image)/;

/** Remembers what is about to be built for an Image, for the line of its App. */
export function noteBuild(image: pulumi.Resource, build: string): void {
  builds.set(image, [...(builds.get(image) ?? []), build]);
}

/**
 * The options with which a component says in previews, in one line, what is about to change. What is deployed is known to the
 * engine alone, which tells its hooks: those of a component get its old and its new inputs, those of a child run exactly when
 * it is made or changed. Nothing of it is in the state.
 *
 * @param part what the component is, where it isn't an App: one in an App says nothing by itself
 */
export function announced(
  part: keyof Recorded | undefined,
  name: string,
  recorded: pulumi.Inputs,
  opts: pulumi.ComponentResourceOptions = {},
): pulumi.ComponentResourceOptions {
  const within = opts.parent !== undefined && announcing.has(opts.parent);
  if (!pulumi.runtime.isDryRun() || !hooksSupported() || within) return opts;
  const id = `${part ?? "App"} ${scopedName(name, opts.parent)}`;
  const whole = (inputs: pulumi.Inputs): Recorded =>
    part === undefined ? inputs : { [part]: inputs };
  const now = whole(recorded);
  let old: Recorded | undefined = now;
  const steps: Step[] = [];
  const own = beforeChange(`change of ${id}`, async ({ oldInputs }) => {
    // What holds a secret comes as an output. Nothing in a state is unknown.
    old = oldInputs && whole(await settled(pulumi.output(oldInputs)));
  });
  const child = beforeChange(`change in ${id}`, async ({ urn, oldInputs }) => {
    const step = stepOn(urn, oldInputs === undefined ? "create" : "update");
    if (step) steps.push(step);
  });
  const hooked = <T extends pulumi.ResourceOptions>(
    given: T,
    hook: pulumi.ResourceHookBinding,
  ) => ({
    ...given,
    hooks: joinHooks(given.hooks ?? {}, hook),
  });

  const all: pulumi.Resource[] = [];
  const collect: pulumi.ResourceTransformation = ({ resource, type, props, opts: given }) => {
    all.push(resource);
    announcing.add(resource);
    return watched.test(type) ? { props, opts: hooked(given, child) } : undefined;
  };
  // After the constructor, whose children are all there then.
  queueMicrotask(() => {
    pulumi.all(all.map(({ urn }) => urn)).apply(async () => {
      const due = all.flatMap((resource) => builds.get(resource) ?? []);
      const line = old && describeChange(old, now, due, steps);
      if (line !== undefined) await log.info(`change: ${line}`, all[0]);
    });
  });
  const transformations = [...(opts.transformations ?? []), collect];
  return { ...hooked(opts, own), transformations };
}
