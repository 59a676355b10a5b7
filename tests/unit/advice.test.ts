import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import vm from "node:vm";
import type { Problem } from "../../components/errors";
import { imageProblems } from "../../components/image/imageProblems";
import { repositoryProblems } from "../../components/registry/repositoryProblems";
import { ec2Problems } from "../../components/targets/ec2/ec2";
import { ecsProblems } from "../../components/targets/ecs/ecs";
import { hostProblems } from "../../components/targets/host/host";
import { lambdaProblems } from "../../components/targets/lambda/lambda";

// Whoever follows the advice of an error must not get the next error about the same field. Every argument of an App is given values that are
// wrong in the usual ways; each value that a message proposes is then given instead.

type Args = Record<string, unknown>;
const parts: Record<string, { base: Args; problems: (args: unknown) => Problem[] }> = {
  image: {
    base: { context: "./app", attestations: { sbom: true }, verify: { depth: "run" } },
    problems: (args) => imageProblems(args, "image", (args as Args).registry === undefined),
  },
  repository: { base: {}, problems: (args) => repositoryProblems(args, "repository") },
  ec2: {
    base: {
      ...{ instanceType: "t3.small", containerPort: 8080, ingressCidrs: ["203.0.113.0/24"] },
      health: { path: "/" },
    },
    problems: (args) => ec2Problems(args, "ec2"),
  },
  ecs: { base: {}, problems: (args) => ecsProblems(args, "ecs") },
  lambda: { base: {}, problems: (args) => lambdaProblems(args, "lambda") },
  host: {
    base: { ports: [{ container: 8080 }], health: { path: "/" } },
    problems: (args) => hostProblems(args, "host"),
  },
};

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUk0bQ0Ib9Ie1qKZyQ4gJ5i4H4bBq0eO4Ih9nYk7m1T";
const digest = `sha256:${"a".repeat(64)}`;
/** Values that people write: of another type, empty, or with something before or behind that belongs elsewhere. */
const wrongValues: unknown[] = [
  ...[5, -1, 0, 1e9, 1.5, true, "", " ", "x", [], {}, [5], ["x"], [""]],
  ...["https://ghcr.io", "https://ghcr.io/", "https://ghcr.io/team", "http://localhost:5000/v2/"],
  ...["https://ghcr.io/team/web:1", "HTTPS://ghcr.io/Team", "ghcr.io/team", "ghcr.io/", "Team/Web"],
  ...["https://index.docker.io/v1/", "ssh://ghcr.io/team", "https://", "://", "https:///team"],
  ...[
    "team/web:latest",
    `team/web@${digest}`,
    "team/web",
    "web@sha256:abc",
    "my_user/My Web",
    "/web",
  ],
  ...["123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web", "https://a.example/team/web/"],
  ...[
    "linux/x86_65",
    "windows/amd64",
    "linux",
    "./out/",
    "./out//",
    "out",
    "/",
    "./app",
    "..",
    "~",
  ],
  ...["ssh://root@192.0.2.1:22", "root@192.0.2.1", "192.0.2.1:22", "host.example/", "[::1]:22"],
  ...[
    `host.example ${key}`,
    `host.example,192.0.2.1 ${key} root@host`,
    key.slice(0, 30),
    "ssh-rsa AAAA",
  ],
  ...[
    "CAP_NET_ADMIN",
    "cap_net_admin",
    "net-admin",
    "no such",
    "ALL",
    "tcp://10.0.0.1",
    "unix://x",
  ],
  ...[
    "Latest!",
    "-x",
    "a b",
    "203.0.113.0",
    "203.0.113.7/24",
    "300.0.0.0/8",
    "::/0",
    "t3",
    "T3.small",
  ],
  ...[
    "arn:aws:iam::1:role/x",
    "arn:aws:s3:::bucket",
    "12345",
    "1000:",
    "relative/path",
    "/a/../b",
    "\0",
  ],
];

interface SchemaType {
  $ref?: string;
  type?: string;
  items?: SchemaType;
  additionalProperties?: SchemaType;
  properties?: Record<string, SchemaType>;
}
const checkout = resolve(__dirname, "../..");
const { resources, types } = JSON.parse(
  readFileSync(join(checkout, "components/schema.json"), "utf8"),
) as {
  resources: Record<string, { inputProperties: Record<string, SchemaType> }>;
  types: Record<string, SchemaType>;
};

const platformMaps = new Set(["builders", "sources"]);

/** The paths of all arguments, of entries of lists and maps too. */
function pathsOf(type: SchemaType, path: string[]): string[][] {
  const found = types[type.$ref?.replace("#/types/", "") ?? ""] ?? type;
  const inner = Object.entries(found.properties ?? {}).map(([name, one]) => [name, one] as const);
  if (found.items) inner.push(["0", found.items]);
  if (found.additionalProperties)
    inner.push([
      platformMaps.has(path.at(-1)!) ? "linux/arm64" : "name",
      found.additionalProperties,
    ]);
  return [path, ...inner.flatMap(([name, one]) => pathsOf(one, [...path, name]))];
}

/** A copy of the arguments with another value at a path. */
function withValue(args: unknown, [first, ...rest]: string[], value: unknown): unknown {
  if (first === undefined) return value;
  if (/^\d+$/.test(first)) {
    const list: unknown[] = Array.isArray(args) ? [...(args as unknown[])] : [];
    list[Number(first)] = withValue(list[Number(first)], rest, value);
    return list;
  }
  const fields = typeof args === "object" && args !== null ? (args as Args) : {};
  return { ...fields, [first]: withValue(fields[first], rest, value) };
}

/** `image.builders["linux/arm64"].name` and `host.ports[0]` as the words of a path. */
const wordsOf = (path: string) =>
  [...path.matchAll(/[^.[\]"]+|(?<=\[")[^"]*(?="\])/g)].map(([word]) => word);

/** What stands in messages for something long, as what it stands for. */
const completed = (text: string) =>
  text
    .replaceAll("sha256:…", digest)
    .replaceAll(
      "arn:aws:secretsmanager:…",
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf",
    )
    .replaceAll(
      "arn:aws:acm:region:account:certificate/…",
      "arn:aws:acm:eu-west-1:123456789012:certificate/x",
    )
    .replaceAll("arn:aws:acm:…", "arn:aws:acm:eu-west-1:123456789012:certificate/x")
    .replaceAll('"subnet-…", "subnet-…"', '"subnet-0a", "subnet-0b"')
    .replaceAll("subnet-…", "subnet-0a")
    .replaceAll("ssh-ed25519 AAAA…", key);

/** The literal that a text starts with, if it is one: a string, a list or an object. */
function literalIn(text: string): unknown {
  const ends = [...text.matchAll(/["\]}]/g)].map(({ index }) => index + 1);
  for (const end of ends)
    try {
      return vm.runInNewContext(`(${text.slice(0, end)})`);
    } catch {
      // The proposal continues, or contains a name instead of a value.
    }
  return undefined;
}

/** The values that an advice proposes for the field itself. */
function proposals(fix: string): unknown[] {
  const text = completed(fix);
  const verb = /\b(write|use|give|such as|for example|one of|alone:|or) (?=["[{])/g;
  // For another field.
  if (text.startsWith("add ")) return [];
  const plain = /\b(?:for example|such as) (linux\/\w+|[A-Z_]{3,}|[\d.]+\d)(?![\w-])/g;
  const words = [...text.matchAll(plain)].map(([, word]) =>
    /^\d/.test(word!) ? Number(word) : word,
  );
  const literals = [...text.matchAll(verb)].flatMap(({ 0: word, index }) => {
    const value = literalIn(text.slice(index + word.length));
    return value === undefined || JSON.stringify(value).includes("…") ? [] : [value];
  });
  return [...words, ...literals];
}

const folder = mkdtempSync(join(tmpdir(), "multiarch-advice-"));
const before = process.cwd();
beforeAll(() => {
  mkdirSync(join(folder, "app"));
  mkdirSync(join(folder, "folder"));
  writeFileSync(join(folder, "app/Dockerfile"), "FROM scratch\n");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** Follows each proposal for arguments that are wrong, and returns those after which the same field is wrong again. */
function rejectedAdvice(part: string, args: unknown, followed: Set<string>): string[] {
  const { problems } = parts[part]!;
  return problems(args).flatMap((problem) => {
    const id = `${problem.path}: ${problem.fix}`;
    if (followed.has(id)) return [];
    const words = wordsOf(problem.path).slice(1);
    return proposals(problem.fix).flatMap((proposed) => {
      followed.add(id);
      const next = problems(withValue(args, words, proposed));
      const again = next.find(({ path }) => path.startsWith(problem.path));
      const shown = JSON.stringify(proposed);
      return again ? [`${id} => ${shown} => ${again.path}: ${again.what}; ${again.fix}`] : [];
    });
  });
}

it("a value that a message proposes is accepted, for every argument of an App", () => {
  const { inputProperties } = resources["multiarch:index:App"]!;
  const followed = new Set<string>();
  const rejected = Object.entries(parts).flatMap(([part, { base }]) =>
    pathsOf(inputProperties[part]!, [])
      .filter((path) => path.length > 0)
      .flatMap((path) =>
        wrongValues.flatMap((value) =>
          rejectedAdvice(part, withValue(base, path, value), followed),
        ),
      ),
  );
  expect(rejected).toEqual([]);
  expect(followed.size).toBeGreaterThan(200);
}, 120_000);

const hosts = ["docker.io", "ghcr.io", "registry.gitlab.com", "quay.io", "public.ecr.aws"];
it.each([...hosts, "team.jfrog.io", "europe-docker.pkg.dev", "team.azurecr.io", "localhost:5000"])(
  "a repository that a message proposes is accepted by %s",
  (address) => {
    for (const repository of ["web", "team/web", "a/b/c/d", "Team/Web", "web:1", "/web", "web/"]) {
      const args = { ...parts.image!.base, registry: { address, repository } };
      // Words in capitals stand for the user's own.
      const lower = (problem: Problem) => ({ ...problem, fix: problem.fix.toLowerCase() });
      const problems = (given: unknown) => parts.image!.problems(given).map(lower);
      parts.lower = { base: {}, problems };
      expect(rejectedAdvice("lower", args, new Set())).toEqual([]);
    }
  },
);

it.each([
  ["https://ghcr.io/team", `write "ghcr.io", and add "team" to the repository`],
  ["ghcr.io/team/", `write "ghcr.io", and add "team" to the repository`],
  ["https://index.docker.io/v1/", `write "index.docker.io"`],
  ["http://localhost:5000", `write "localhost:5000"`],
  ["https://", `write for example "ghcr.io" or "localhost:5000"`],
])("the advice for the registry %s names what is accepted", (address, fix) => {
  const args = { context: "./app", registry: { address, repository: "web" } };
  expect(parts.image!.problems(args)).toEqual([expect.objectContaining({ fix })]);
});
