import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Ec2Target, EcsTarget, HostTarget, Image, LambdaTarget } from "../../components";
import { howToLogIn } from "../../components/registry/kinds";
import { shellCommand } from "../../components/late";
import { explainSsh, sshCommand } from "../../components/targets/host/sshText";
import { answered, provided } from "../fuzz/mocked";
import { type Registered, register, valueOf, verified } from "../components/mocks";
import { type Call, paste, runScript, shells } from "./fakePrograms";
import { accepted } from "./fields";
import { hostileValues } from "./hostileValues";

// Hostile values that are known late, and that a field accepts, arrive verbatim in every sink, and no shell runs any part of one. The scripts
// that run here are the real ones, with fake programs in place of the engine and the AWS CLI.

const seed = Number(process.env.MULTIARCH_HOSTILE_SEED || 20261128);
const folder = mkdtempSync(join(tmpdir(), "mh-"));
const canary = join(folder, "canary");
const values = hostileValues(canary, 500, seed);
const repository = "registry.example.com/team/web";
const digest = `sha256:${"a".repeat(64)}`;
const ref = `${repository}@${digest}`;
const ecr = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web`;
const architecture = arch() === "arm64" ? "arm64" : "x86_64";

afterEach(() => expect(existsSync(canary)).toBe(false));
afterAll(() => rmSync(folder, { recursive: true }));

const late = (value: string) => pulumi.output(Promise.resolve(value));
const lateAll = (all: readonly string[]) => all.map(late);
const named = (prefix: string, all: readonly string[]) =>
  Object.fromEntries(all.map((value, nth) => [`${prefix}${nth}`, late(value)]));
/** Parts that together are all values; the arguments of one program hold one of them. */
const parts = Array.from({ length: 5 }, (_, nth) => values.filter((_, at) => at % 5 === nth));

/** What a program registers, where the registry holds the image. */
const registered = (program: () => unknown) =>
  register(
    program,
    (one) =>
      one.name.endsWith("-verified") && one.name !== "built-verified"
        ? verified(one, repository, digest)
        : (provided(one.type, one.name, one.inputs) as Record<string, unknown>),
    (call) => answered(call),
  );
const inputsOf = (all: Registered[], type: string, name = "web") =>
  all.find((one) => one.type.endsWith(type) && one.name === name)!.inputs;
const textOf = (input: unknown) => ((input as { value?: string }).value ?? input) as string;

/** The words behind an option, wherever it stands. */
const options = ({ words }: Call, option: string) =>
  words.flatMap((word, at) => (words[at - 1] === option ? [word] : []));
const creating = (calls: readonly Call[], suffix: string) =>
  calls.find(
    ({ words }) =>
      words.includes("create") && options({ words } as Call, "--name")[0]?.endsWith(suffix),
  )!;
const behind = ({ words }: Call, image: string) => words.slice(words.indexOf(image) + 1);
/** The variables that a container is created with: from its file, and from the environment of the client. */
function environmentOf(call: Call): Record<string, string> {
  const lines = call.stdin.split("\n").slice(0, -1);
  const file = lines.map((line) => [
    line.slice(0, line.indexOf("=")),
    line.slice(line.indexOf("=") + 1),
  ]);
  const passed = options(call, "--env").map((name) => [name, call.env.get(name)]);
  return Object.fromEntries([...file, ...passed]) as Record<string, string>;
}
const plain = (prefix: string, all: readonly string[]) =>
  Object.fromEntries(all.map((value, nth) => [`${prefix}${nth}`, value]));
/** One record of CSV, as Docker reads `--mount`. */
const record = (text: string) =>
  [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, bare]) =>
    quoted === undefined ? bare! : quoted.replaceAll('""', '"'),
  );

it.each(parts.map((part, nth) => [nth, part] as const))(
  `part ${"%i"} arrives in a host's engine: command, release command, health command, environment and volumes`,
  async (_, part) => {
    const words = part.filter((value) => accepted("host", "command[0]", value));
    const variables = part.filter((value) => accepted("host", "environment.V", value));
    const sources = part.filter((value) => accepted("host", "volumes[0].source", value));
    const targets = [
      ...new Set(part.filter((value) => accepted("host", "volumes[0].target", value))),
    ];
    expect([words.length, variables.length, sources.length].every((count) => count > 3)).toBe(true);
    const resources = await registered(
      () =>
        new HostTarget("web", {
          ref,
          architecture,
          command: lateAll(words),
          environment: named("V", variables),
          volumes: [
            ...sources.map((source, nth) => ({ source: late(source), target: `/mnt/${nth}` })),
            ...targets.map((target) => ({ source: "data", target: late(target) })),
          ],
          health: { command: lateAll(words) },
          release: { command: lateAll(words) },
        }),
    );
    const { stdin } = inputsOf(resources, ":Command");
    for (const shell of shells) {
      const { status, stderr, calls } = runScript(folder, shell, textOf(stdin), ["release"]);
      expect([shell, status, status === 0 ? "" : stderr]).toEqual([shell, 0, ""]);
      for (const [suffix, own] of [
        ["-next", words],
        ["-release", words],
      ] as const) {
        const call = creating(calls, suffix);
        expect(behind(call, ref)).toEqual(own);
        expect(environmentOf(call)).toEqual(plain("V", variables));
        expect(options(call, "--mount").map(record)).toEqual([
          ...sources.map((source, nth) => [
            `type=${source.startsWith("/") ? "bind" : "volume"}`,
            `source=${source}`,
            `target=/mnt/${nth}`,
          ]),
          ...targets.map((target) => ["type=volume", "source=data", `target=${target}`]),
        ]);
      }
      const health = calls.find((call) => call.words[1] === "exec")!;
      expect(health.words.slice(3)).toEqual(words);
    }
  },
);

it("arrive in the environment of a pull over SSH, and in the connection: credentials, agent's socket, comment of the host key", async () => {
  const hostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
  const chosen = values
    .filter((value) => accepted("host", "registry.username", value))
    .filter((value) => accepted("host", "ssh.agentSocket", value))
    .filter((value) => accepted("host", "ssh.hosts.one.hostKey", `${hostKey} ${value}`))
    .filter((_, nth) => nth % 20 === 0);
  expect(chosen.length).toBeGreaterThan(10);
  const resources = await registered(() => {
    for (const [nth, value] of chosen.entries())
      new HostTarget(`web${nth}`, {
        ref,
        architecture,
        registry: { username: late(value), password: late(`${value}!`) },
        ssh: {
          hosts: { one: { address: "203.0.113.7", hostKey: late(`${hostKey} ${value}`) } },
          agentSocket: late(value),
        },
      });
  });
  for (const [nth, value] of chosen.entries()) {
    const { stdin, connection } = inputsOf(resources, ":Command", `web${nth}-one-pull`);
    const known = ((connection as { value?: object }).value ?? connection) as object;
    expect(known).toMatchObject({ agentSocketPath: value, hostKey: `${hostKey} ${value}` });
    const { status, calls } = runScript(folder, shells[0]!, textOf(stdin), ["pull"]);
    expect(status).toBe(0);
    const { env } = calls.find(({ words }) => words[1] === "pull")!;
    expect(env.get("MULTIARCH_REGISTRY_USERNAME")).toBe(value);
    expect(env.get("MULTIARCH_REGISTRY_PASSWORD")).toBe(`${value}!`);
  }
});

it.each(parts.map((part, nth) => [nth, part] as const))(
  "part %i arrives on an instance of EC2 by SSM, without the double braces that SSM replaces",
  async (_, part) => {
    const words = part.filter((value) => accepted("ec2", "command[0]", value));
    const variables = part.filter((value) => accepted("ec2", "environment.V", value));
    const secret = (value: string) =>
      `arn:aws:secretsmanager:eu-west-1:123456789012:secret:a:${value}`;
    const keys = part
      .filter((value) => accepted("ec2", "secrets.S", secret(value)))
      .filter((_, nth) => nth % 10 === 0);
    const resources = await registered(
      () =>
        new Ec2Target("web", {
          ref,
          instanceType: architecture === "arm64" ? "t4g.small" : "t3.small",
          command: lateAll(words),
          environment: named("V", variables),
          secrets: named("S", keys.map(secret)),
          health: { seconds: 0 },
        }),
    );
    const { parameters } = inputsOf(resources, ":Association", "web-release");
    const { commands } = parameters as { commands: string };
    expect(commands.includes("{{")).toBe(false);
    const { status, stderr, calls } = runScript(folder, shells[0]!, commands, []);
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    const call = creating(calls, "-next");
    expect(behind(call, ref)).toEqual(words);
    expect(environmentOf(call)).toMatchObject(plain("V", variables));
    const json = calls.filter((one) => one.words[0] === "python3").map((one) => one.words.at(-1));
    // The key of an ARN ends at a colon.
    const wanted = keys.map((value) => value.split(":")[0]!).filter(Boolean);
    expect([...json].sort()).toEqual([...wanted].sort());
  },
);

/** Every string in what a resource is given, those in JSON too. */
function stringsIn(value: unknown): string[] {
  if (typeof value === "string") {
    const inner = /^[[{]"?/.test(value) ? parsed(value) : undefined;
    return [value, ...(typeof inner === "object" ? stringsIn(inner) : [])];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

it("arrive at the providers of ECS, Lambda and of builds, each one that its field accepts", async () => {
  const few = (target: string, field: string, most = Infinity) =>
    values.filter((value) => accepted(target, field, value)).slice(0, most);
  // Lambda takes 4 KiB of variables.
  const short = few("lambda", "environment.VALUE").filter((value) => value.length < 20);
  const given = {
    ecs: [few("ecs", "environment.V"), few("ecs", "command[0]"), few("ecs", "user", 1)],
    lambda: [short.slice(0, 100), few("lambda", "command[0]"), few("lambda", "entryPoint[0]")],
    image: [few("image", "buildArgs.A"), few("image", "labels.A"), few("image", "secrets.A")],
  };
  for (const all of Object.values(given).flat()) expect(all.length).toBeGreaterThan(0);
  const wanted = Object.values(given).flat(2);
  const resources = await registered(() => {
    const [variables, words, [user]] = given.ecs as [string[], string[], string[]];
    new EcsTarget("web", {
      ref,
      environment: named("V", variables),
      command: lateAll(words),
      user: late(user!),
    });
    const [plain, commands, entryPoint] = given.lambda as [string[], string[], string[]];
    new LambdaTarget("api", {
      ref: `${ecr}@${digest}`,
      environment: named("VALUE", plain),
      command: lateAll(commands),
      entryPoint: lateAll(entryPoint),
    });
    const [buildArgs, labels, secrets] = given.image as [string[], string[], string[]];
    new Image("built", {
      context: __dirname,
      dockerfileInline: "FROM scratch",
      platforms: ["linux/amd64"],
      registry: { address: "registry.example.com", repository: "team/web" },
      buildArgs: named("A", buildArgs),
      labels: named("L", labels),
      secrets: named("S", secrets),
    });
  });
  const arrived = new Set(
    ["ecs/taskDefinition:TaskDefinition", "lambda/function:Function", "index:Image"].flatMap(
      (type) =>
        resources
          .filter((one) => one.type.endsWith(type))
          .flatMap(({ inputs }) => stringsIn(inputs)),
    ),
  );
  expect(wanted.filter((value) => !arrived.has(value))).toEqual([]);
});

it("are single words of the commands that people copy, and their programs receive them verbatim", async () => {
  // No word of a command line can contain NUL, and no field accepts one.
  const texts = values.filter((value) => !value.includes("\0") && isIP(value) === 0);
  const endpoint = (text: string) => ({ address: text, user: text, port: 2222 });
  const commands = await Promise.all(
    texts.map(async (text): Promise<[string, string[]][]> => [
      [
        sshCommand(endpoint(text), endpoint(text), `docker logs ${"web"}`),
        [
          "ssh",
          "-t",
          "-p",
          "2222",
          "-J",
          `${text}@${text}:2222`,
          `${text}@${text}`,
          "docker logs web",
        ],
      ],
      [
        await valueOf(shellCommand`aws logs tail ${late(text)} --follow --region ${text}`),
        ["aws", "logs", "tail", text, "--follow", "--region", text],
      ],
      [howToLogIn(text).command, ["docker", "login", text]],
      [
        /`(ssh-keyscan [^]*)` prints it$/.exec(
          explainSsh("ssh: failed to parse host key", {
            path: "ssh",
            host: "one",
            connection: { host: text, port: 22, user: "root", dialErrorLimit: 0 },
          })!,
        )![1]!,
        ["ssh-keyscan", "-t", "ed25519", text],
      ],
    ]),
  );
  const all = commands.flat();
  expect(
    paste(
      folder,
      all.map(([command]) => command),
    ),
  ).toEqual(all.map(([, words]) => words));
});
