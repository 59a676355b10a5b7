import { docker, freePort, get } from "./appProject";
import { createProject, environment, type Project, type RunResult } from "./harness";
import { image, removeAll, run as prefix } from "./hostApp";
import { makeKey, removeFolder, sshFolder, type SshServer, startSshd } from "./sshServer";

// The stack, the project and the component of host targets are renamed, here and over SSH. hostRenamed.test.ts has the script's part.

const { env } = environment();
jest.setTimeout(120_000);
afterAll(removeAll);

/** Containers of this test file, as `name state`, of whichever name the stack or project has. */
const containers = () =>
  docker(env, "ps", "-a", "--filter", `name=^${prefix}`, "--format", "{{.Names}} {{.State}}")
    .split("\n")
    .filter(Boolean)
    .sort();

/** The run's text with lines joined, as the display breaks them. */
const words = (run: RunResult) => run.output.replace(/\s+/g, " ");
const rename = (project: Project, name: string) => project.pulumi(["stack", "rename", name]);

describe("on this machine", () => {
  let project: Project;
  let port: number;
  let v1: string;
  let v2: string;

  /** A component with a port, and one without. */
  const program = (ref: string, component: string) => `const multiarch = require("multiarch");
new multiarch.HostTarget("${component}", {
  ref: "${ref}", ports: [{ container: 8080, host: ${port} }], health: { path: "/" }, stopTimeout: 1,
}${component === "web" ? "" : ', { aliases: [{ name: "web" }] }'});
new multiarch.HostTarget("job", {
  ref: "${ref}", command: ["sleep", "1000"], health: { seconds: 1 }, stopTimeout: 1,
  environment: { TOKEN: require("@pulumi/pulumi").secret("canary") },
});
`;

  beforeAll(async () => {
    [v1, v2, port] = await Promise.all([image("v1"), image("v2"), freePort()]);
    project = await createProject({ name: prefix, program: program(v1, "web") });
    await project.up();
  });
  afterAll(() => project.dispose());

  it("a preview names what is adopted, and rejects a name that somebody else's container has", async () => {
    await rename(project, "b");
    const preview = await project.preview();
    for (const name of ["web", "job"])
      expect(words(preview)).toContain(
        `container ${prefix}-test-${name} on this machine will be renamed to ${prefix}-b-${name} and replaced by the new release`,
      );
    docker(env, "create", "--name", `${prefix}-b-job`, v1);
    const refused = await project.preview({ expectFailure: true });
    expect(words(refused)).toContain(
      `name: the container name ${prefix}-b-job is already in use on this machine (multiarch did not create it). Remove or rename that container, or set name to another name`,
    );
    expect(containers()).toEqual([
      `${prefix}-b-job created`,
      `${prefix}-test-job running`,
      `${prefix}-test-web running`,
    ]);
    docker(env, "rm", `${prefix}-b-job`);
  });

  it("an `up` that is killed while it adopts is finished by the next, under yet another name of project, stack and component", async () => {
    const up = project.start("up");
    await up.waitFor("renaming container");
    up.kill("SIGKILL");
    await up.done;
    await project.pulumi(["cancel", "b", "--yes"]);
    const name = `${prefix}-renamed`;
    await rename(project, `organization/${name}/c`);
    const runtime = { name: "nodejs", options: { typescript: false } };
    project.write("Pulumi.yaml", JSON.stringify({ name, runtime, main: "index.js" }));
    await project.pulumi(["stack", "select", "c"]);
    project.write("index.js", program(v2, "shop"));
    let missed = 0;
    const poller = setInterval(() => void get(port).catch(() => missed++), 100);
    await project.up();
    clearInterval(poller);
    expect(await get(port)).toBe("v2");
    // The gap of one swap, of at most two if the killed run was finishing one.
    expect(missed).toBeLessThan(25);
    expect(containers()).toEqual([
      `${name}-c-job running`,
      `${name}-c-job-previous exited`,
      `${name}-c-shop running`,
      `${name}-c-shop-previous exited`,
    ]);
    const again = await project.preview();
    expect(again.summary).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 });
  });

  it("a `destroy` after a rename, without an `up`, leaves no container and no image", async () => {
    await rename(project, "d");
    await project.destroy();
    expect(containers()).toEqual([]);
    expect(docker(env, "images", "-q", `localhost/multiarch/${prefix}*`)).toBe("");
  });
});

describe("over SSH", () => {
  const folder = sshFolder();
  let project: Project;
  let server: SshServer;
  let port: number;
  let given: { env: Record<string, string> };

  beforeAll(async () => {
    const [hostKey, key] = ["host", "key"].map((name) => makeKey(folder, name));
    server = await startSshd(folder, hostKey!, [key!]);
    port = await freePort();
    given = { env: { TEST_KEY: key!.file, SSH_AUTH_SOCK: "" } };
    const host = { address: "127.0.0.1", port: server.port, hostKey: hostKey!.public };
    const program = `const multiarch = require("multiarch");
new multiarch.HostTarget("ssh", {
  ref: "${await image("v1")}", ports: [{ container: 8080, host: ${port} }], health: { path: "/" }, stopTimeout: 1,
  ssh: {
    hosts: { one: ${JSON.stringify(host)} }, user: "${server.user}",
    privateKey: require("fs").readFileSync(process.env.TEST_KEY, "utf8"),
  },
});
`;
    project = await createProject({ name: `${prefix}-over`, program });
    await project.up(given);
  });
  afterAll(async () => {
    await project.dispose();
    await server.stop();
    removeFolder(folder);
  });

  it("the same: a taken name is rejected by the preview, the container is adopted, and `destroy` leaves none", async () => {
    const name = `${prefix}-over-b-ssh`;
    await rename(project, "b");
    docker(env, "create", "--name", name, await image("v1"));
    const refused = await project.preview({ ...given, expectFailure: true });
    expect(words(refused)).toContain(
      `container ${prefix}-over-test-ssh on host one will be renamed to ${name} and replaced`,
    );
    expect(words(refused)).toContain(
      `name: the container name ${name} is already in use on host one (multiarch did not create it)`,
    );
    docker(env, "rm", name);
    await project.up(given);
    expect(await get(port)).toBe("v1");
    expect(containers().filter((one) => one.includes("-ssh"))).toEqual([
      `${name} running`,
      `${name}-previous exited`,
    ]);
    await rename(project, "c");
    await project.destroy(given);
    expect(containers().filter((one) => one.includes("-ssh"))).toEqual([]);
  });
});
