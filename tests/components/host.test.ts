import * as pulumi from "@pulumi/pulumi";
import { HostTarget, type HostTargetArgs } from "../../components/targets/host/host";
import { hostScript } from "../../components/targets/host/hostScript";
import { register, type Registered, secretMark, valueOf, verified } from "./mocks";

// That the script does what it is told, and that a secret in it leaks nowhere, is for tests/engine/hostScript.test.ts.

const repository = "registry.example.com/web";
const digest = `sha256:${"a".repeat(64)}`;
const image = `${repository}@${digest}`;
interface Made {
  target: HostTarget;
  component: Registered;
  pull: Registered;
  release: Registered;
  options: Record<string, pulumi.CustomResourceOptions>;
}

async function make(args: Partial<HostTargetArgs> = {}): Promise<Made> {
  const options: Made["options"] = {};
  let target: HostTarget | undefined;
  const program = () => {
    target = new HostTarget(
      "web",
      { ref: image, ...args },
      {
        transformations: [
          (resource) => {
            options[resource.name + (resource.type.includes("command") ? "" : " itself")] =
              resource.opts;
            return undefined;
          },
        ],
      },
    );
  };
  const registered = await register(program, (resource) =>
    resource.name.endsWith("-verified") ? verified(resource, repository, digest) : {},
  );
  const find = (type: string, name: string) =>
    registered.find((one) => one.type.endsWith(type) && one.name === name)!;
  // The component, its ID, the pull and the release; and the verification of the reference, which is an Image of its own.
  expect(registered).toHaveLength(6);
  return {
    ...{ target: target as HostTarget, options },
    component: find("HostTarget", "web"),
    pull: find("Command", "web-pull"),
    release: find("Command", "web"),
  };
}

it("makes an ID, a pull and a release, and the verification of the reference", async () => {
  const { pull, release, component } = await make();
  expect(component).toMatchObject({ type: "multiarch:index:HostTarget", inputs: { ref: image } });
  expect(pull.inputs).toEqual({
    create: "sh -s -- pull; exit $?",
    delete: "sh -s -- forget; exit $?",
    stdin: expect.stringContaining(`image='${image}'\n`),
    triggers: [image, "project-stack-web", "x86_64"],
    addPreviousOutputInEnv: false,
    logging: "stderr",
  });
  expect(release.inputs).toEqual({
    create: "sh -s -- release; exit $?",
    update: "sh -s -- release; exit $?",
    delete: "sh -s -- remove; exit $?",
    stdin: expect.stringContaining(
      "app='project-stack-web'\nowner='project/stack/web'\nresource='web-identity-id'\n",
    ),
    addPreviousOutputInEnv: false,
    logging: "stderr",
  });
  expect((pull.inputs.stdin as string).endsWith(hostScript("pull"))).toBe(true);
  expect((release.inputs.stdin as string).endsWith(hostScript("release"))).toBe(true);
});

it("pulls before it releases, and is silent about another day's credentials", async () => {
  const { options, target } = await make();
  expect(options["web-pull"]).toMatchObject({
    parent: target,
    ignoreChanges: ["environment", "stdin"],
  });
  expect(options["web"]).toMatchObject({ parent: target });
  const [before] = options["web"]?.dependsOn as pulumi.Resource[];
  expect(await valueOf((before as pulumi.Resource).urn)).toContain("web-pull");
  expect(options["web"]?.ignoreChanges).toBeUndefined();
  expect(options["web"]?.deleteBeforeReplace).toBe(true);
});

it("gives credentials to the pull alone, as secrets, and records them nowhere else", async () => {
  const { pull, release, component } = await make({
    registry: { address: "registry.example.com", username: "robot", password: "canary" },
  });
  // The SDK makes the whole of an object secret that has a secret in it.
  expect(pull.inputs.environment).toEqual({
    ...secretMark,
    value: { MULTIARCH_REGISTRY_USERNAME: "robot", MULTIARCH_REGISTRY_PASSWORD: "canary" },
  });
  expect(release.inputs).not.toHaveProperty("environment");
  expect(JSON.stringify([pull.inputs.stdin, release, component])).not.toContain("canary");
  expect(component.inputs).not.toHaveProperty("registry");
});

it("keeps the text of the release secret as soon as one variable is, and has the script mask that one", async () => {
  const { release, pull, component } = await make({
    environment: { TOKEN: pulumi.secret("canary"), LEVEL: pulumi.output("plain") },
  });
  const stdin = release.inputs.stdin as { value: string };
  expect(stdin).toMatchObject(secretMark);
  expect(stdin.value).toContain("with_secrets() { \"$@\" 'canary'; }");
  expect(JSON.stringify(pull)).not.toContain("canary");
  expect(component.inputs.environment).toEqual({
    ...secretMark,
    value: { TOKEN: "canary", LEVEL: "plain" },
  });
});

it("without a secret keeps nothing secret", async () => {
  const { release } = await make({ environment: { LEVEL: "plain" } });
  expect(release.inputs.stdin).toEqual(expect.stringContaining("'LEVEL=plain'"));
});

it("tells the address, the container and the command for the logs, none of them secret", async () => {
  const { target } = await make({
    ports: [{ container: 9000 }, { container: 8080, host: 80, address: "0.0.0.0" }],
    health: { path: "/health", port: 8080 },
    environment: { TOKEN: pulumi.secret("canary") },
  });
  expect(await valueOf(target.url)).toBe("http://127.0.0.1:80");
  expect(await valueOf(target.containerName)).toBe("project-stack-web");
  expect(await valueOf(target.logsCommand)).toBe(
    "docker logs --follow --tail 100 project-stack-web",
  );
  for (const output of [target.url, target.logsCommand])
    expect(await pulumi.isSecret(output)).toBe(false);
});

it("refuses what is wrong with one error that has a line for each, before any resource", async () => {
  const registered = await register(() => {
    const args = { ref: "web:latest", memory: 1, registry: { username: "robot" } };
    expect(() => new HostTarget("web", args)).toThrow(
      expect.objectContaining({
        name: "Error",
        message: expect.stringMatching(/^web: ref: .*\nweb: memory: .*\nweb: registry: .*$/),
      }),
    );
  });
  expect(registered).toEqual([]);
});

it("hides the value of a secret that a field does not accept", async () => {
  const { release } = await make({
    restart: pulumi.secret("hunter2" as "always"),
    health: { seconds: 1 },
  });
  const { value } = release.inputs.stdin as { value: string };
  expect(value).toContain("web: restart: is not valid (value hidden because it is secret)");
  expect(value).not.toContain("hunter2");
});

it("has the script refuse what turned out wrong only when it was known", async () => {
  const { release } = await make({ ports: [{ container: pulumi.output(70_000) }] });
  expect(release.inputs.stdin).toContain(
    "printf '%s\\n' 'web: ports[0].container: must be a whole number from 1 to 65535, got 70000; ",
  );
});

it("has the script refuse container hardening that turned out wrong, and one that is secret", async () => {
  const { release } = await make({
    ...{ noNewPrivileges: pulumi.output("yes" as never), init: pulumi.output(null as never) },
    tmpfs: [{ target: pulumi.output("tmp"), size: 64 }],
    capabilities: { drop: [pulumi.output("NET_RAWW")] },
  });
  expect(release.inputs.stdin).toContain('web: noNewPrivileges: must be true or false, got "yes"');
  expect(release.inputs.stdin).toContain("web: tmpfs[0].target: must be an absolute path");
  expect(release.inputs.stdin).toContain(
    'web: capabilities.drop[0]: "NET_RAWW" is not a valid capability',
  );
  expect(release.inputs.stdin).not.toContain("--cap-drop");
  const secret = await make({ tmpfs: [{ target: pulumi.secret("/canary"), size: 64 }] });
  expect(JSON.stringify(secret.release.inputs.stdin)).toContain("web: tmpfs: is secret");
  expect(JSON.stringify(secret.release.inputs.stdin)).not.toContain("canary");
});

it("two targets of one name in one program are refused: each would replace the other's container", async () => {
  let error: unknown;
  await register(
    () => {
      const first = new HostTarget("web", { ref: image });
      try {
        new HostTarget("web", { ref: image }, { aliases: [{ parent: first }] });
      } catch (thrown) {
        error = thrown;
      }
    },
    (resource) =>
      resource.name.endsWith("-verified") ? verified(resource, repository, digest) : {},
  );
  expect((error as Error).message).toMatch(/^web: name: is already used by another host target/);
});

describe("two targets of one program on one port of a host", () => {
  const hostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
  const over = (address: string) => ({ hosts: { one: { address, hostKey } } });

  /** What is said of the second. */
  async function second(one: Partial<HostTargetArgs>, two: Partial<HostTargetArgs>) {
    let said = "";
    await register(
      () => {
        new HostTarget("api", { ref: image, ...one });
        try {
          new HostTarget("web", { ref: image, ...two });
        } catch (error) {
          said = (error as Error).message;
        }
      },
      (resource) =>
        resource.name.endsWith("-verified") ? verified(resource, repository, digest) : {},
    );
    return said;
  }
  const at = (container: number, host?: pulumi.Input<number>, address?: string) => ({
    ports: [{ container, host, address }],
  });

  it("are refused with both fields, on this machine and over SSH", async () => {
    const taken = (machine: string) =>
      `web: ports[0]: port 8080 on ${machine} is already used by ports of "api"; use another host port (\`host\`)`;
    expect(await second(at(8080), at(80, 8080))).toBe(taken("this machine"));
    expect(await second(at(8080), at(80, 8080, "0.0.0.0"))).toBe(taken("this machine"));
    const ssh = over("203.0.113.7");
    expect(await second({ ...at(8080), ssh }, { ...at(8080), ssh })).toBe(taken("203.0.113.7:22"));
  });

  it("are accepted on other ports, addresses and hosts, and where a port is not known yet", async () => {
    expect(await second(at(8080), at(8080, 8081))).toBe("");
    expect(await second(at(8080, 8080, "192.0.2.1"), at(8080))).toBe("");
    expect(await second(at(8080), { ...at(8080), ssh: over("203.0.113.7") })).toBe("");
    const [ssh, other] = [over("203.0.113.7"), over("203.0.113.8")];
    expect(await second({ ...at(8080), ssh }, { ...at(8080), ssh: other })).toBe("");
    expect(await second(at(8080), at(80, pulumi.output(8080)))).toBe("");
    const behind = (bastion: string) => ({ ...ssh, bastion: { address: bastion, hostKey } });
    const [site, another] = [behind("203.0.113.1"), behind("203.0.113.2")];
    expect(await second({ ...at(8080), ssh: site }, { ...at(8080), ssh: another })).toBe("");
    expect(await second({ ...at(8080), ssh: site }, { ...at(8080), ssh: site })).not.toBe("");
  });
});

it("a name of its own lets a renamed component take over the container that serves", async () => {
  const { release } = await make({ name: "old" });
  expect(release.inputs.stdin).toContain("app='project-stack-old'\nowner='project/stack/old'\n");
});

it("what the host shows to everybody must not be secret", async () => {
  const { release } = await make({
    ports: [{ container: 80 }],
    health: { path: pulumi.secret("/canary") },
    network: pulumi.secret("canary"),
  });
  const stdin = (release.inputs.stdin as { value: string }).value;
  expect(stdin).toContain("web: network: is secret");
  expect(stdin).toContain("web: health.path: is secret");
  expect(stdin).not.toContain("canary");
});

describe("over SSH", () => {
  const hostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDWMUlaUdDcjSJ7Aa3h2x8fBzLq5kNc1ZBM5nHhbxW9k";
  const hosts = {
    two: { address: "203.0.113.8", port: 2222, hostKey },
    one: { address: pulumi.output("203.0.113.7"), acceptAnyHostKey: true },
  };

  async function deploy(args: Partial<HostTargetArgs>) {
    const options: Made["options"] = {};
    let target: HostTarget | undefined;
    const registered = await register(
      () => {
        target = new HostTarget(
          "web",
          { ref: image, ...args },
          {
            transformations: [
              (resource) => {
                if (resource.type.includes(":remote:")) options[resource.name] = resource.opts;
                return undefined;
              },
            ],
          },
        );
      },
      (resource) =>
        resource.name.endsWith("-verified") ? verified(resource, repository, digest) : {},
    );
    const commands = registered.filter(({ type }) => type === "command:remote:Command");
    const inputs = (name: string) => commands.find((one) => one.name === name)!.inputs;
    const component = registered.find(({ type }) => type.endsWith("HostTarget"))!;
    return { target: target!, options, commands, inputs, component };
  }

  /** What a resource waits for, by its name. */
  async function waits(options: pulumi.CustomResourceOptions | undefined): Promise<string[]> {
    const urns = ((options?.dependsOn ?? []) as pulumi.Resource[]).map(({ urn }) => valueOf(urn));
    return (await Promise.all(urns)).map((urn) => urn.split("::").at(-1)!);
  }

  it("makes a pull, a release and a removal for each host, each host after the release on the one before", async () => {
    const { commands, options } = await deploy({ ssh: { hosts, privateKey: "PRIVATE KEY-----" } });
    expect(commands.map(({ name }) => name).sort()).toEqual([
      ...["web-one", "web-one-pull", "web-one-removal"],
      ...["web-two", "web-two-pull", "web-two-removal"],
    ]);
    expect(await waits(options["web-two-pull"])).toEqual([]);
    expect(await waits(options["web-two"])).toEqual(["web-two-pull"]);
    expect(await waits(options["web-two-removal"])).toEqual(["web-two-pull", "web-two"]);
    expect(await waits(options["web-one-pull"])).toEqual(["web-two"]);
    expect(options["web-two-pull"]?.ignoreChanges).toEqual(["stdin"]);
    expect(options["web-two"]?.ignoreChanges).toBeUndefined();
  });

  it("replaces with the host what pulls and what removes, never the release, and gives no environment", async () => {
    const { inputs } = await deploy({ ssh: { hosts } });
    const common = { addPreviousOutputInEnv: false, logging: "stderr" };
    expect(inputs("web-two-pull")).toEqual({
      ...common,
      connection: expect.anything(),
      create: "sh -s -- pull",
      update: "cat >/dev/null",
      delete: "sh -s -- forget",
      stdin: expect.stringContaining(`image='${image}'\n`),
      triggers: [image, "x86_64", "203.0.113.8:2222", "project-stack-web"],
    });
    expect(inputs("web-two")).toEqual({
      ...common,
      connection: expect.anything(),
      create: "sh -s -- release",
      update: "sh -s -- release",
      stdin: expect.stringMatching(/^resource='web-identity-id@203\.0\.113\.8:2222'$/m),
    });
    expect(inputs("web-one-removal")).toEqual({
      ...common,
      connection: expect.anything(),
      delete: "sh -s -- remove",
      stdin: expect.stringMatching(/^resource='web-identity-id@203\.0\.113\.7:22'$/m),
      triggers: ["203.0.113.7:22"],
    });
    const ends = (name: string, command: "pull" | "release") =>
      expect((inputs(name).stdin as string).endsWith(hostScript(command))).toBe(true);
    ends("web-two-pull", "pull");
    ends("web-two", "release");
    ends("web-two-removal", "release");
  });

  it("connects as it is told: host key, few and short attempts, and keys that are secret", async () => {
    const privateKey = "canary PRIVATE KEY-----";
    const { inputs, component } = await deploy({
      ssh: { hosts, user: "deploy", privateKey, privateKeyPassword: "canary-2" },
    });
    expect(inputs("web-two").connection).toEqual({
      ...secretMark,
      value: {
        ...{ host: "203.0.113.8", port: 2222, user: "deploy", hostKey },
        ...{ privateKey, privateKeyPassword: "canary-2", dialErrorLimit: 1, perDialTimeout: 10 },
      },
    });
    expect((inputs("web-one").connection as { value: object }).value).not.toHaveProperty("hostKey");
    expect(JSON.stringify(component)).not.toContain("canary");
    expect(component.inputs.ssh).toEqual({
      user: "deploy",
      hosts: {
        two: { address: "203.0.113.8", port: 2222, hostKey },
        one: { address: "203.0.113.7", acceptAnyHostKey: true },
      },
    });
  });

  it("behind a bastion uses the hosts' user and key there too unless others are given, and tries once", async () => {
    const bastion = { address: "203.0.113.1", hostKey };
    const { inputs, target } = await deploy({
      ports: [{ container: 8080, address: "0.0.0.0" }],
      ssh: { hosts, privateKey: "a PRIVATE KEY-----", bastion },
    });
    const { value } = inputs("web-two").connection as { value: Record<string, unknown> };
    expect(value.dialErrorLimit).toBe(0);
    expect(value.proxy).toEqual({
      ...{ host: "203.0.113.1", port: 22, user: "root", hostKey },
      ...{ privateKey: "a PRIVATE KEY-----", dialErrorLimit: 1, perDialTimeout: 10 },
    });
    expect(await valueOf(target.url)).toBe("http://203.0.113.8:8080");
    expect(await valueOf(target.shellCommand)).toBe(
      "ssh -t -p 2222 -J root@203.0.113.1 root@203.0.113.8 'docker exec --interactive --tty project-stack-web sh'",
    );
  });

  it("gives credentials to the pull alone, in a text that is secret", async () => {
    const { inputs, commands } = await deploy({
      ssh: { hosts },
      registry: { address: "registry.example.com", username: "robot", password: "canary" },
    });
    expect(inputs("web-two-pull").stdin).toEqual({
      ...secretMark,
      value: expect.stringContaining("export MULTIARCH_REGISTRY_PASSWORD='canary'\n"),
    });
    const others = commands.filter(({ name }) => !name.endsWith("-pull"));
    expect(JSON.stringify(others)).not.toContain("canary");
  });
});
