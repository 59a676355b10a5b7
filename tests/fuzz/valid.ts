import type * as fc from "fast-check";
import { Chooser } from "./chooser";
import { imageOf, type Place as ImagePlace } from "./validImage";
import { ec2Of, ecsOf, hostOf, lambdaOf } from "./validTargets";
import type { Lift } from "./lift";

/** A set of arguments, and what it must come to. */
export interface ArgumentSet {
  readonly args: Record<string, unknown>;
  readonly preview: boolean;
}

/** Arguments that are right, for every target and form of image: none may be refused. */
export function validSet(g: fc.GeneratorValue, count = 0): ArgumentSet {
  const choose = new Chooser(g, g0(g), count);
  const names = ["ec2", "ecs", "lambda", "host"].filter(() => choose.often(40));
  const targets: Record<string, Record<string, unknown>> = {};
  for (const name of names)
    targets[name] = { ec2: ec2Of, ecs: ecsOf, lambda: lambdaOf, host: hostOf }[name]!(choose);
  const needed = [...new Set(names.map((name) => platformOf(targets[name]!)))];
  const place = placeOf(choose, names);
  if (names.includes("ecs") && place.private) targets.ecs!.pullSecretArn = choose.secretArn();
  const { image, ...rest } = imageOf(choose, place, needed);
  return { args: { image, ...rest, ...targets }, preview: choose.preview };
}

const g0 = (g: fc.GeneratorValue) => new Chooser(g, false).often(30);

/** Where the image may lie, by what pulls it. */
function placeOf(choose: Chooser, names: readonly string[]): ImagePlace {
  const aws = names.some((name) => name !== "host");
  return {
    lambda: names.includes("lambda"),
    aws,
    // Instances of EC2 don't get the credentials of a registry elsewhere.
    private: !names.includes("lambda") && !names.includes("ec2") && choose.often(50),
  };
}

/** What the generator itself knows of architectures: nothing of the component's tables. */
export function platformOf(target: Record<string, unknown>): string {
  const said = (target.architecture ?? target.instanceType ?? "x86_64") as string | Lift;
  return /arm|aarch|^(t4g|m7g|c8g|a1)\./i.test(String(said)) ? "linux/arm64" : "linux/amd64";
}
