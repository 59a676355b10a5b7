/* The rules of the stand-in aws plugin that need no engine and no emulator. */
import { checkExclusions, checkLifecycle, checkName } from "../../local/plugins/aws/ecr/refusals";
import { checkTask, definitionProblem, reduced } from "../../local/plugins/aws/ecs/taskRules";
import { failuresOf, inputChanges, refreshed, withAutoname } from "../../local/plugins/aws/schema";
import type { Kind, Resource } from "../../local/plugins/aws/types";

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: string) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

const kinds = {
  name: "string",
  count: "number",
  policy: "json",
  subnets: { set: "string" },
  command: { list: "string" },
  tags: { map: "string" },
  network: { object: { public: "boolean", groups: { set: "string" } } },
} satisfies Record<string, Kind>;
const resource = {
  inputs: kinds,
  outputs: ["name"],
  defaults: { count: 0 },
  autoname: "name",
  autonameMax: 20,
} as unknown as Resource;

describe("inputs", () => {
  const reasons = (inputs: object, required: string[] = []) =>
    failuresOf("aws:x/y:Y", inputs as never, kinds, required).map(({ reason }) => reason);

  it("that fit, are secret or unknown pass", () => {
    const network = { public: unknown, groups: [secret("a"), unknown] };
    expect(reasons({ name: secret("x"), count: unknown, network, tags: { a: "b" } })).toEqual([]);
  });

  it.each([
    [{ name: 1 }, "expected string type, got number type (aws:x/y:Y, name)"],
    [{ count: "1" }, "expected number type, got string type (aws:x/y:Y, count)"],
    [{ tags: { a: 1 } }, "expected string type, got number type (aws:x/y:Y, tags.a)"],
    [{ subnets: "a" }, "expected list type, got string type (aws:x/y:Y, subnets)"],
    [{ command: ["a", true] }, "expected string type, got boolean type (aws:x/y:Y, command[1])"],
    [{ network: [] }, "expected object type, got list type (aws:x/y:Y, network)"],
    [{ policy: "{" }, "contains an invalid JSON"],
    [{ nmae: "x" }, 'an argument named "nmae" is not expected in aws:x/y:Y'],
    [{ Name: "x" }, "did you mean name?"],
    [{ network: { Public: true } }, "did you mean public?"],
  ])("%j is an error that names type and property", (inputs, reason) => {
    expect(reasons(inputs)).toEqual([expect.stringContaining(reason)]);
  });

  it("that are missing are named", () => {
    expect(reasons({}, ["policy"])).toEqual([
      'Missing required argument: the argument "policy" of aws:x/y:Y is required, but no definition was found',
    ]);
  });
});

describe("a name that Pulumi makes", () => {
  const named = (news: object, olds: object = {}, seed = "") =>
    withAutoname(resource, "web", news as never, olds as never, seed) as { name?: string };

  it("ends with seven hexadecimal digits, the same for the same seed", () => {
    expect(named({}).name).toMatch(/^web-[0-9a-f]{7}$/);
    expect(named({}, {}, "seed").name).toBe(named({}, {}, "seed").name);
  });

  it("stays while nobody gives another", () => {
    const first = named({});
    expect(named({}, first).name).toBe(first.name);
    expect(named({ name: "mine" }, first)).toEqual({ name: "mine", __defaults: [] });
    expect(named({}, { name: "mine", __defaults: [] }).name).not.toBe("mine");
  });

  it("is refused when it is too long", () => {
    expect(() => withAutoname(resource, "a".repeat(13), {}, {}, "")).toThrow("maximum length 20");
  });
});

describe("what counts as a change", () => {
  const changes = (olds: object, news: object) =>
    Object.fromEntries(inputChanges(resource, olds as never, news as never));

  it.each([
    ["JSON written otherwise", { policy: '{"a":1,"b":2}' }, { policy: '{ "b": 2, "a": 1 }' }],
    ["a set in another order", { subnets: ["a", "b"] }, { subnets: ["b", "a"] }],
    ["an empty map", {}, { tags: {} }],
    ["a default that is said", {}, { count: 0 }],
    ["a value that became secret", { name: "a" }, { name: secret("a") }],
    ["a computed input that is no longer said", { name: "a" }, {}],
  ])("not %s", (_what, olds, news) => {
    expect(changes(olds, news)).toEqual({});
  });

  it("a list in another order, an unknown, and what comes and goes", () => {
    expect(changes({ command: ["a", "b"] }, { command: ["b", "a"] })).toEqual({
      "command[0]": "UPDATE",
      "command[1]": "UPDATE",
    });
    expect(changes({ policy: "{}" }, { policy: unknown })).toEqual({ policy: "UPDATE" });
    expect(changes({ tags: { a: "1" } }, { network: { public: true } })).toEqual({
      tags: "DELETE",
      network: "ADD",
    });
  });
});

describe("an input after a refresh", () => {
  it("stays as written where AWS says the same, or more", () => {
    const old = { public: true };
    expect(refreshed(old, { public: true, groups: ["x"] }, kinds.network)).toEqual(old);
    expect(refreshed(["b", "a"], ["a", "b"], kinds.subnets)).toEqual(["b", "a"]);
    expect(refreshed('{ "a": 1 }', '{"a":1}', "json")).toBe('{ "a": 1 }');
  });

  it("is AWS's where that is another", () => {
    expect(refreshed({ public: true }, { public: false }, kinds.network)).toEqual({
      public: false,
    });
    expect(refreshed({ a: "1" }, { a: "1", b: "2" }, kinds.tags)).toEqual({ a: "1", b: "2" });
    expect(refreshed("one", "two", "string")).toBe("two");
  });
});

describe("what ECR refuses", () => {
  it.each(["web", "team/web", "a.b_c-d/e1"])("not the name %s", (name) => {
    expect(() => checkName(name)).not.toThrow();
  });
  it.each(["Web", "w", "/web", "web/", "a//b", "-a", "a..b", "a".repeat(257)])("%s", (name) => {
    expect(() => checkName(name)).toThrow("repositoryName");
  });

  const untagged = { tagStatus: "untagged", countType: "imageCountMoreThan", countNumber: 3 };
  const rule = (rulePriority: number, selection: object) => ({
    rulePriority,
    selection: { countType: "imageCountMoreThan", countNumber: 3, ...selection },
    action: { type: "expire" },
  });
  const document = (...rules: object[]) => checkLifecycle(JSON.stringify({ rules }));
  const v = { tagStatus: "tagged", tagPatternList: ["v*"] };
  const any = { tagStatus: "any" };

  it("takes a document in order", () => {
    expect(() => document(rule(1, untagged), rule(2, v), rule(9, any))).not.toThrow();
  });
  it.each<[string, object[]]>([
    ["there is no rule", []],
    ["two rules have the priority 1", [rule(1, v), rule(1, untagged)]],
    ["must be evaluated last", [rule(1, any), rule(2, v)]],
    ["only one rule may select any image", [rule(1, any), rule(2, any)]],
    ["only one rule may select untagged images", [rule(1, untagged), rule(2, untagged)]],
    ["tagged needs", [rule(1, { tagStatus: "tagged" })]],
    ["any allows no", [rule(1, { ...any, tagPrefixList: ["a"] })]],
    ["exclude each other", [rule(1, { ...v, tagPrefixList: ["a"] })]],
    ["needs countUnit days", [rule(1, { ...any, countType: "sinceImagePushed" })]],
    ["allows no countUnit", [rule(1, { ...any, countUnit: "days" })]],
    ["countNumber must be", [rule(1, { ...any, countNumber: 0 })]],
    ["rulePriority must be", [rule(0, any)]],
    ["action type must be", [{ ...rule(1, any), action: { type: "keep" } }]],
  ])("%s", (problem, rules) => {
    expect(() => document(...rules)).toThrow(problem);
  });

  it("exclusions that are none", () => {
    const check = (...imageTagMutabilityExclusionFilters: object[]) =>
      checkExclusions({
        imageTagMutability: "IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters,
      });
    expect(() => check({ filter: "cache-*", filterType: "WILDCARD" })).not.toThrow();
    expect(() => check()).toThrow("at least one filter");
    expect(() => check({ filter: "a*b*c*", filterType: "WILDCARD" })).toThrow("not valid");
    expect(() => check({ filter: "cache-*", filterType: "REGEX" })).toThrow("not valid");
  });
});

describe("what ECS refuses of a task definition", () => {
  const fargate = {
    family: "web",
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
  };
  const check = (inputs: object, ...containers: object[]) =>
    checkTask(
      { ...fargate, ...inputs },
      containers.length > 0 ? containers : [{ name: "a", image: "x" }],
      "localhost:5056",
    );

  it.each([{}, { cpu: "1 vCPU", memory: "2GB" }, { cpu: "16384", memory: "122880" }])(
    "not %j",
    (inputs) => expect(() => check(inputs)).not.toThrow(),
  );
  it.each([
    [{ memory: "4096" }, "No Fargate configuration exists for given values: 256 CPU, 4096 memory"],
    [{ cpu: "300" }, "No Fargate configuration exists"],
    [{ cpu: undefined }, "Fargate requires that 'cpu' be defined"],
    [{ networkMode: "bridge" }, "Fargate only supports network mode 'awsvpc'."],
    [{ family: "a b" }, "Family contains invalid characters"],
    [{ requiresCompatibilities: ["EC2"], memory: undefined }, "At least one of 'memory'"],
  ])("%j", (inputs, problem) => expect(() => check(inputs)).toThrow(problem));

  it("images of ECR and awslogs without an execution role; containers that clash", () => {
    const logConfiguration = { logDriver: "awslogs" };
    expect(() => check({}, { name: "a", image: "localhost:5056/web" })).toThrow("ECR images");
    expect(() => check({}, { name: "a", image: "x", logConfiguration })).toThrow("log driver");
    expect(() => check({}, { name: "a" }, { name: "a" })).toThrow("unique");
    expect(() => check({}, { name: "a", essential: false })).toThrow("essential");
  });

  it("what Fargate doesn't let a container do", () => {
    const added = (name: string) => ({ linuxParameters: { capabilities: { add: [name] } } });
    const container = { name: "a", image: "x", dockerSecurityOptions: ["no-new-privileges"] };
    expect(() => check({}, container)).toThrow("dockerSecurityOptions");
    expect(() => check({}, { name: "a", image: "x", ...added("NET_ADMIN") })).toThrow("SYS_PTRACE");
    expect(() => check({}, { name: "a", image: "x", ...added("SYS_PTRACE") })).not.toThrow();
    expect(() => check({ requiresCompatibilities: ["EC2"] }, container)).not.toThrow();
  });

  it("definitions that Go could not read", () => {
    const problem = (definition: object) => definitionProblem(JSON.stringify([definition]));
    expect(problem({ environment: [{ name: "A", value: "1" }] })).toBeUndefined();
    expect(problem({ environment: [{ name: "A", value: 1 }] })).toContain("Environment.Value");
    expect(problem({ command: [1] })).toContain("Command");
    expect(problem({ readonlyRootFilesystem: "true" })).toContain("readonlyRootFilesystem");
    expect(problem({ linuxParameters: { initProcessEnabled: 1 } })).toContain("initProcessEnabled");
    expect(problem({ dockerSecurityOptions: [true] })).toContain("Security");
    expect(problem({ linuxParameters: { capabilities: { add: [1] } } })).toContain("Security");
    expect(problem({ linuxParameters: { tmpfs: [{ containerPath: "/t", size: "1" }] } })).toContain(
      "Tmpfs.Size",
    );
    expect(problem({ image: 1 })).toContain("ContainerDefinition.image");
    expect(definitionProblem("{}")).toContain("cannot unmarshal object");
  });

  it("and definitions that mean the same are reduced to the same", () => {
    const long = {
      name: "a",
      essential: true,
      cpu: 0,
      environment: [
        { name: "B", value: "2" },
        { name: "A", value: "1" },
      ],
      mountPoints: [],
      portMappings: [{ containerPort: 80, hostPort: 0, protocol: "tcp" }],
    };
    const short = {
      portMappings: [{ containerPort: 80 }],
      environment: [...long.environment].reverse(),
      name: "a",
    };
    expect(reduced(JSON.stringify([long]))).toEqual(reduced(JSON.stringify([short])));
  });
});
