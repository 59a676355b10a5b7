import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import type { App as AnyApp, AppArgs } from "../../components";
import { alone, component } from "./alone";
import { findingsIn } from "./invariants";
import { canariesIn, made, print } from "./lift";
import { answered, provided, watchRegistrations } from "./mocked";
import { pathProblems } from "./paths";
import { placesIn, root } from "./schema";

/** A resource as it was registered. */
export interface Resource {
  /** With the types of its parents, as in its URN. */
  readonly chain: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/** What became of one set of arguments. */
export interface Verdict {
  readonly kind: "plan" | "error";
  /** The error's text. */
  readonly message: string;
  /** What must never be. */
  readonly findings: readonly string[];
  /** How many resources it came to. */
  readonly resources: number;
}

alone();
const { App } = component();

const patience = 10_000;
/** What Pulumi prints while nobody else is there to show it. */
const logged: string[] = [];
for (const how of ["log", "info", "warn", "error"] as const)
  console[how] = (...said: unknown[]) => void logged.push(said.map(String).join(" "));
/** What nobody caught, and whom to tell. A resource that waits for such a value is never registered: waiting on would take for ever. */
const rejections: unknown[] = [];
let rejected = (): void => {};
process.on("unhandledRejection", (reason) => {
  rejections.push(reason);
  setTimeout(rejected, 20);
});

/** Errors that ended a user's program, with a stack: of a stream to which nobody listens, say. */
const uncaught: Error[] = [];
process.on("uncaughtException", (error) => void uncaught.push(error));

/** Makes an App of the arguments under Pulumi's mocks. */
export async function run(described: Record<string, unknown>, preview: boolean): Promise<Verdict> {
  const registered: Pick<Resource, "type" | "name" | "inputs">[] = [];
  const chains: Pick<Resource, "chain" | "name">[] = [];
  rejections.length = 0;
  logged.length = 0;
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const state = { ...(inputs as object), ...provided(type, name, inputs as never) };
        return { id: `${name}-id`, state };
      },
      call: answered,
    },
    "project",
    "stack",
    preview,
  );
  watchRegistrations((one) => registered.push(one));
  const hidden = new Set(["canary0", ...alwaysSecret(described)]);
  const args = made(described, hidden);
  for (const shown of shownIn(described)) hidden.delete(shown);
  const thrown: unknown[] = [];
  let app: AnyApp | undefined;
  const transformations: pulumi.ResourceTransformation[] = [
    ({ type, name, opts }) => {
      chains.push({ chain: chainOf(type, opts.parent), name });
      return undefined;
    },
  ];
  const work = async () => {
    try {
      await pulumi.runtime.runInPulumiStack(async () => {
        app = new App("web", args as AppArgs, { transformations });
        return {};
      });
    } catch (error) {
      thrown.push(error);
    }
    await pulumi.runtime.disconnect().catch((error: unknown) => thrown.push(error));
  };
  const late = await timed(work());
  // What goes on besides, as the look at a tarball, feeds nothing, and so nothing waits for it.
  await sleep(/"(load|tarball)":(?!null)/.test(print(described)) ? 30 : 0);
  for (let turn = 0; turn < 3; turn++) await sleep(0);

  const errors = [...new Set([...thrown, ...rejections])];
  const findings = late ? [`it hangs: nothing after ${patience} ms`] : [];
  for (const { message } of uncaught.splice(0)) findings.push(`nobody catches: ${message}`);
  const messages = errors.map(textOf);
  for (const error of errors) findings.push(...errorProblems(error, [described, args]));
  for (const text of [...messages, ...logged])
    for (const [found] of canariesIn(text))
      if (hidden.has(found)) findings.push(`a message shows a secret: ${text}`);
  if (errors.length === 0) {
    const resources = registered.filter(({ type }) => type !== "pulumi:pulumi:Stack");
    findings.push(...findingsIn(resources, chains, described, hidden));
    findings.push(...(await outputProblems(app!, hidden)));
  }
  const kind = errors.length === 0 ? "plan" : "error";
  return {
    kind,
    message: [...new Set(messages)].join("\n"),
    findings: [...new Set(findings)],
    resources: registered.length,
  };
}

/** Whether it takes longer than it may. */
function timed(work: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), patience);
    rejected = () => {
      clearTimeout(timer);
      resolve(false);
    };
    void work.then(rejected);
  });
}

/** Fields that are secret however they are given. */
const secretFields = /\.(password|privateKey|privateKeyPassword)$|:AppImage\.secrets$/;

function alwaysSecret(args: unknown): string[] {
  const secret = placesIn(args, root).filter(({ field = "" }) => secretFields.test(field));
  return secret.flatMap(({ holder, key }) => [...canariesIn(holder[key])].map(([found]) => found));
}

/** Where an image lies is what everybody who pulls it is told, so the component shows it, however it is given. */
const shownFields =
  /:AppImage\.(ref|sources|copyOf)$|Repository\.(repositoryUrl|repositoryName|arn)$|:Registry\.(address|repository)$/;

function shownIn(args: unknown): string[] {
  const shown = placesIn(args, root).filter(({ field = "" }) => shownFields.test(field));
  return shown.flatMap(({ holder, key }) => [...canariesIn(holder[key])].map(([found]) => found));
}

const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : `not an error: ${String(error)}`;

/** A typed error is Pulumi's RunError with a line for each problem, each with the path of a field of the user's. */
function errorProblems(error: unknown, args: readonly unknown[]): string[] {
  const text = textOf(error);
  if (!pulumi.RunError.isInstance(error))
    return [`no typed error: ${(error as Error)?.stack ?? String(error)}`];
  return pathProblems(text, "web", args);
}

interface Identity {
  readonly __pulumiType?: string;
  readonly __parentResource?: Identity;
}

function chainOf(type: string, parent: unknown): string {
  const { __pulumiType: above, __parentResource: next } = (parent ?? {}) as Identity;
  return above === undefined || above === "pulumi:pulumi:Stack"
    ? type
    : `${chainOf(above, next)}$${type}`;
}

/** What people read in a stack's outputs is no secret in the clear. */
async function outputProblems(app: AnyApp, hidden: ReadonlySet<string>): Promise<string[]> {
  const { imageUri, platforms, url, logsCommand, shellCommand } = app;
  const outputs = { imageUri, platforms, url, logsCommand, shellCommand };
  const found = Object.entries(outputs).map(async ([name, output]) => {
    const { isSecret, promise } = output as unknown as {
      isSecret: Promise<boolean>;
      promise: () => Promise<unknown>;
    };
    const [secret, value] = await Promise.all([isSecret, promise.call(output)]);
    const shown = secret ? [] : [...canariesIn(value)].filter(([one]) => hidden.has(one));
    return shown.map(([one]) => `the output ${name} shows the secret ${one}`);
  });
  return (await Promise.all(found)).flat();
}
