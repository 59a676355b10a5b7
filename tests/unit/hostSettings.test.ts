import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { hostProblems } from "../../components/targets/host/hostProblems";
import {
  hostIdentity,
  hostUrl,
  type HostSettings,
  pullSettings,
  releaseSettings,
} from "../../components/targets/host/hostSettings";

const image = `registry.example.com/web@sha256:${"a".repeat(64)}`;
const later = Promise.resolve("later");

describe("what is wrong", () => {
  const cases: [string, unknown, string][] = [
    ["no object", "here", "host: must be an object"],
    ["an unknown field", { port: 80 }, "host.port: is not a field"],
    ["an image, which is the App's", { image }, "host.image: is not a field"],
    ["a port of 0", { ports: [{ container: 0 }] }, "host.ports[0].container: must be a whole"],
    [
      "a port as text",
      { ports: [{ container: "80" }] },
      'host.ports[0].container: must be a whole number from 1 to 65535, got "80"',
    ],
    ["a port of 65536", { ports: [{ container: 80, host: 65_536 }] }, "host.ports[0].host: must"],
    ["half a port", { ports: [{ container: 80.5 }] }, "host.ports[0].container: must"],
    ["no container port", { ports: [{ host: 80 }] }, "host.ports[0].container: is missing"],
    ["a port that is a number", { ports: [80] }, "host.ports[0]: must be an object"],
    ["ports that are none", { ports: { container: 80 } }, "host.ports: must be a list"],
    [
      "an address that is a name",
      { ports: [{ container: 80, address: "localhost" }] },
      "host.ports[0].address: must be an IP address",
    ],
    [
      "the same port twice",
      { ports: [{ container: 80 }, { container: 81, host: 80 }] },
      "host.ports[1]: listens on port 80 of the host, as ports[0] does",
    ],
    [
      "the same port, once for everybody",
      { ports: [{ container: 80 }, { container: 80, address: "0.0.0.0" }] },
      "host.ports[1]: listens",
    ],
    [
      "a health path without a slash",
      { ports: [{ container: 80 }], health: { path: "health" } },
      'host.health.path: must be a path that starts with "/"',
    ],
    ["a health path and no port", { health: { path: "/" } }, "host.health.path: needs a port"],
    [
      "a health port that isn't there",
      { ports: [{ container: 80 }], health: { path: "/", port: 81 } },
      "host.health.port: is 81, which no entry of host.ports",
    ],
    [
      "a health port without a path",
      { ports: [{ container: 80 }], health: { port: 80 } },
      "host.health.port: is used by a check by HTTP alone",
    ],
    [
      "two kinds of health",
      { ports: [{ container: 80 }], health: { path: "/", command: ["true"] } },
      "host.health: has path and command",
    ],
    [
      "a command and seconds",
      { health: { seconds: 1, command: ["true"] } },
      "host.health: has command and seconds",
    ],
    [
      "a command that is a text",
      { health: { command: "true" } },
      "host.health.command: must be a list of words",
    ],
    ["an empty command", { command: [] }, "host.command: must be a list of words"],
    [
      "a timeout of 0",
      { health: { timeout: 0 } },
      "host.health.timeout: must be whole seconds from 1",
    ],
    ["a release without a command", { release: {} }, "host.release.command: is missing"],
    [
      "a variable's name with =",
      { environment: { "A=B": "c" } },
      "host.environment.A=B: is no name",
    ],
    [
      "a variable that is a number",
      { environment: { A: 1 } },
      "host.environment.A: must be a text without NUL, got number",
    ],
    [
      "NUL in a variable",
      { environment: { A: "\0" } },
      "host.environment.A: must be a text without NUL",
    ],
    ["lines in PATH", { environment: { PATH: "a\nb" } }, "host.environment.PATH: has line breaks"],
    [
      "lines in a name with a dot",
      { environment: { "a.b": "a\nb" } },
      "host.environment.a.b: has line breaks",
    ],
    ["an environment that is a list", { environment: ["A=b"] }, "host.environment: must map"],
    [
      "a relative target",
      { volumes: [{ source: "data", target: "data" }] },
      "host.volumes[0].target: must be an absolute path",
    ],
    [
      "a relative source",
      { volumes: [{ source: "./data", target: "/data" }] },
      "host.volumes[0].source: must be the name of a volume",
    ],
    [
      "a target twice",
      {
        volumes: [
          { source: "a1", target: "/d" },
          { source: "b1", target: "/d" },
        ],
      },
      'host.volumes[1].target: is "/d", as that of volumes[0]',
    ],
    [
      "readOnly as text",
      { volumes: [{ source: "a1", target: "/d", readOnly: "yes" }] },
      "host.volumes[0].readOnly: must be true or false",
    ],
    ["5 MiB", { memory: 5 }, "host.memory: must be a whole number of MiB, at least 6, got 5"],
    ["no processor", { cpus: 0 }, "host.cpus: must be a number above 0"],
    [
      "an unknown strategy",
      { strategy: "blue-green" },
      'host.strategy: must be one of "swap", "stop-first", got "blue-green"',
    ],
    ["an unknown restart", { restart: "sometimes" }, "host.restart: must be one of"],
    [
      "an unknown architecture",
      { architecture: "riscv64" },
      'host.architecture: must be one of "x86_64", "arm64"',
    ],
    ["the host's network", { network: "host" }, "host.network: must be the name of a network"],
    [
      "an extra host without address",
      { extraHosts: { db: "db.local" } },
      "host.extraHosts.db: must be an IP address",
    ],
    ["a negative stop timeout", { stopTimeout: -1 }, "host.stopTimeout: must be whole seconds"],
    ["a flag that is a string", { noNewPrivileges: "yes" }, "host.noNewPrivileges: must be true"],
    ["init as a string", { init: "no" }, "host.init: must be true or false"],
    ["a root file system", { readOnlyRootFilesystem: 1 }, "host.readOnlyRootFilesystem: must be"],
    ["no processes", { pidsLimit: 0 }, "host.pidsLimit: must be a whole number of processes"],
    ["a tmpfs as a string", { tmpfs: ["/tmp"] }, "host.tmpfs[0]: must be an object"],
    ["a tmpfs without a size", { tmpfs: [{ target: "/tmp" }] }, "host.tmpfs[0].size: is missing"],
    ["a tmpfs without a target", { tmpfs: [{ size: 1 }] }, "host.tmpfs[0].target: is missing"],
    [
      "a relative tmpfs",
      { tmpfs: [{ target: "tmp", size: 1 }] },
      "host.tmpfs[0].target: must be an absolute path",
    ],
    [
      "a tmpfs over a volume",
      { volumes: [{ source: "data", target: "/data" }], tmpfs: [{ target: "/data", size: 1 }] },
      'host.tmpfs[0].target: "/data" is already the target of another volume or tmpfs',
    ],
    [
      "an unknown capability",
      { capabilities: { drop: ["NET_RAW", "CAP_CHOWN"] } },
      'host.capabilities.drop[1]: "CAP_CHOWN" is not a valid capability',
    ],
    [
      "a capability that is added and dropped",
      { capabilities: { add: ["CHOWN"], drop: ["CHOWN"] } },
      'host.capabilities.add[0]: "CHOWN" is also in host.capabilities.drop',
    ],
    ["capabilities as a list", { capabilities: ["CHOWN"] }, "host.capabilities: must be an object"],
    ["a user with a blank", { user: "a b" }, "host.user: must be a user"],
  ];
  it.each(cases)("%s", (_, args, expected) => {
    const problems = hostProblems(args, "host").map(({ path, what }) => `${path}: ${what}`);
    expect(problems).toEqual([expect.stringContaining(expected)]);
  });

  it("used alone has no prefix, and needs an image by digest", () => {
    const paths = (args: unknown) => hostProblems(args).map(({ path }) => path);
    expect(paths({ ref: image, ports: [{ container: 0 }] })).toEqual(["ports[0].container"]);
    expect(paths({})).toEqual(["image"]);
    expect(paths({ ref: "web:latest" })).toEqual(["ref"]);
  });

  it("never shows the value of a variable", () => {
    const problems = hostProblems({
      environment: { PATH: "canary\n", "1": "canary", A: ["canary"] },
    });
    expect(problems.length).toBeGreaterThanOrEqual(3);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  it("leaves values that are known later alone", () => {
    const ports = [{ container: later, host: later, address: later }, { container: later }];
    const rest = { memory: later, command: [later, "x"], environment: { PATH: later } };
    const health = { path: later, port: 80, timeout: later };
    const hardening = {
      ...{ readOnlyRootFilesystem: later, noNewPrivileges: later, init: later, pidsLimit: later },
      tmpfs: [
        { target: later, size: later },
        { target: later, size: later },
      ],
      capabilities: { add: [later], drop: [later] },
    };
    expect(hostProblems({ ports, health, ...rest, ...hardening, ref: later })).toEqual([]);
  });
});

describe("the identity", () => {
  it("is a name that any engine takes, and the exact names as a label", () => {
    expect(hostIdentity("My_Project", "org/dev", "web.1")).toEqual({
      container: "my-project-org-dev-web-1",
      owner: "My_Project/org/dev/web.1",
      name: "web.1",
    });
  });
  it("stays short and unique", () => {
    const long = (end: string) => hostIdentity("p".repeat(80), "s", end).container;
    expect(long("a")).toHaveLength(63);
    expect(long("a")).not.toBe(long("b"));
    fc.assert(
      fc.property(fc.string(), fc.string(), (project, name) => {
        const { container } = hostIdentity(`p${project}`, "stack", name);
        return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(container) && container.length <= 63;
      }),
    );
  });
});

describe("the settings", () => {
  const identity = hostIdentity("project", "stack", "web");
  /** What a shell makes of the settings: the words of `with_service with_options with_command`, and the lines of the rest. */
  const words = (settings: Partial<HostSettings>, call: string, secrets: string[] = []) =>
    execFileSync("sh", ["-s"], {
      input: `${releaseSettings(identity, { image, ...settings }, secrets)}\n${call} printf '%s\\0'`,
      encoding: "utf8",
    })
      .split("\0")
      .slice(0, -1);

  it("by default ask for little and open nothing", () => {
    expect(words({}, "with_service with_options with_command")).toEqual([
      ...["--restart", "unless-stopped", "--init", "--label", "multiarch.app=project/stack/web"],
      ...["--label", "multiarch.resource=project/stack/web"],
      image,
    ]);
    // What printf writes when it is given nothing.
    expect(words({}, "with_candidate_ports")).toEqual([""]);
  });

  it("pass everything on in the words of docker", () => {
    const settings: Partial<HostSettings> = {
      ports: [{ container: 80 }, { container: 443, host: 8443, address: "::" }],
      health: { path: "/", port: 443 },
      volumes: [
        { source: "data", target: "/data" },
        { source: "/srv/a,b", target: "/srv", readOnly: true },
      ],
      ...{ memory: 64, cpus: 0.5, user: "1000", network: "back", restart: "on-failure" as const },
      extraHosts: { host: "host-gateway" },
      command: ["node", "it's.js", "$HOME"],
      environment: { B: "b\nb", A: "a" },
    };
    expect(words(settings, "with_service with_options with_command")).toEqual([
      ...["--restart", "on-failure"],
      ...["--publish", "127.0.0.1:80:80", "--publish", "[::]:8443:443"],
      ...["--init", "--label", "multiarch.app=project/stack/web"],
      ...["--label", "multiarch.resource=project/stack/web", "--env", "B"],
      ...["--mount", "type=volume,source=data,target=/data"],
      ...["--mount", 'type=bind,"source=/srv/a,b",target=/srv,readonly'],
      ...["--memory", "64m", "--cpus", "0.5", "--user", "1000", "--network", "back"],
      ...["--add-host", "host:host-gateway", image, "node", "it's.js", "$HOME"],
    ]);
    expect(words(settings, "with_candidate_ports")).toEqual(["--publish", "127.0.0.1::443"]);
    expect(words(settings, 'printf "%s\\0" "$serves_at";:')).toEqual(["[::1]:8443"]);
  });

  it("pass on what the container may do, in the words of docker", () => {
    const settings: Partial<HostSettings> = {
      readOnlyRootFilesystem: true,
      tmpfs: [
        { target: "/tmp", size: 64 },
        { target: "/run,x", size: 1 },
      ],
      capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
      ...{ noNewPrivileges: true, pidsLimit: 200, init: false },
    };
    expect(words(settings, "with_options").slice(0, 1)).toEqual(["--init=false"]);
    expect(words(settings, "with_options").slice(5)).toEqual([
      "--read-only",
      ...["--mount", "type=tmpfs,target=/tmp,tmpfs-size=64m"],
      ...["--mount", 'type=tmpfs,"target=/run,x",tmpfs-size=1m'],
      ...["--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE"],
      ...["--security-opt", "no-new-privileges", "--pids-limit", "200"],
    ]);
    const off = { readOnlyRootFilesystem: false, noNewPrivileges: false, init: true };
    expect(words({ ...off, tmpfs: [], capabilities: {} }, "with_options")).toEqual(
      words({}, "with_options"),
    );
  });

  it("carry any value of a variable through the shell", () => {
    const values = fc
      .sample(fc.string({ unit: "binary" }), 300)
      .map((one) => one.replaceAll("\0", ""));
    const environment = Object.fromEntries(
      values.map((value, index) => [`V${1000 + index}`, value]),
    );
    const seen = execFileSync("sh", ["-s"], {
      input: `${releaseSettings(identity, { image, environment })}\nenvironment_lines; with_long_environment long_values`,
      encoding: "utf8",
    });
    const isLong = ([, value]: [string, string]) => /[\r\n]/.test(value);
    const all = Object.entries(environment);
    const expected = [...all.filter((one) => !isLong(one)), ...all.filter(isLong)];
    expect(seen).toBe(expected.map(([name, value]) => `${name}=${value}\n`).join(""));

    const odd = "  'a' \"b\" $HOME `id` \\ # % \t é \\n ";
    const input = (value: string) =>
      `${releaseSettings(identity, { image, environment: { V: value } })}\nenvironment_lines; with_long_environment long_values`;
    for (const value of [odd, `${odd}\n${odd}`, "", "-n", "x".repeat(70_000)])
      expect(execFileSync("sh", ["-s"], { input: input(value), encoding: "utf8" })).toBe(
        `V=${value}\n`,
      );
  });

  it("mask a secret, its lines and its spellings, the longest first", () => {
    const secret = "line one\nline&two\n}";
    expect(words({}, "with_secrets", [secret, ""])).toEqual([
      "line%20one%0Aline%26two%0A%7D",
      "line one\\nline&two\\n}",
      secret,
      "line one",
      "line&two",
    ]);
  });

  it("of the pull hold no more than it needs", () => {
    expect(pullSettings(identity, image, "arm64")).toBe(
      [
        ...["name='web'", "app='project-stack-web'", "owner='project/stack/web'"],
        "resource='project/stack/web'",
        ...[`image='${image}'`, "registry='registry.example.com'", "pull_timeout='1800'"],
        "lock_timeout='900'",
        ...["architecture='arm64'"],
        'with_secrets() { "$@" "$password"; }\n',
      ].join("\n"),
    );
  });
});

it.each([
  [[{ container: 80 }], "http://127.0.0.1:80"],
  [[{ container: 80, host: 8080, address: "0.0.0.0" }], "http://127.0.0.1:8080"],
  [[{ container: 80, address: "::1" }], "http://[::1]:80"],
  [[{ container: 80, address: "192.0.2.7" }], "http://192.0.2.7:80"],
  [[], ""],
])("the address of %j is %s", (ports, url) => {
  expect(hostUrl({ ports })).toBe(url);
});
