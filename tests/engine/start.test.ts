import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { docker, get } from "./appProject";
import { environment } from "./harness";

// The life of `npm start`, from its first run to `npm run down`, twice: in a copy of the checkout, with a state of its own
// (registry, builder, Pulumi's home and backend), on the engine and with the tools that are there. The tests build on each other.

const checkout = resolve(__dirname, "../..");
const base = mkdtempSync(join(realpathSync(tmpdir()), "multiarch-start-"));
const copy = join(base, "checkout");
const state = join(base, "state");
/** Containers are told apart by project and stack, and the user's own may be running. */
const project = `start${process.pid}`;
const [machine, other] = process.arch === "x64" ? ["x86_64", "arm64"] : ["aarch64", "x86_64"];

beforeAll(() => {
  const left = ["node_modules", ".git", "dist", "coverage", "tests", "Pulumi.local.yaml"];
  cpSync(checkout, copy, {
    recursive: true,
    preserveTimestamps: true, // by them it is told whether `npm install` is due
    filter: (source) => !left.includes(relative(checkout, source)),
  });
  symlinkSync(join(checkout, "node_modules"), join(copy, "node_modules"));
  // A lockfile newer than what is installed has `npm ci` empty that folder: through the link, the checkout's own.
  utimesSync(join(copy, "package-lock.json"), 0, 0);
  // The checkout's may have been edited, as the README suggests.
  writeFileSync(join(copy, "examples/web/RELEASE"), "first release\n");
  edit("Pulumi.yaml", (text) => text.replace(/^name: .*$/m, `name: ${project}`));
});
afterAll(async () => {
  if (processes().length > 0) await npm("run down");
  rmSync(base, { recursive: true, force: true });
});

function edit(file: string, change: (text: string) => string): void {
  const before = readFileSync(join(copy, file), "utf8");
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(join(copy, file), after);
}

/** Commands that were run to their end, and with success. */
const ran = new Set<string>();

/** Starts a command of the README, `start` or `run preview -- --diff`, as a shell does: with a process group of its own. */
function begin(command: string) {
  const { env, baseImage } = environment();
  const variables: NodeJS.ProcessEnv = {
    ...process.env,
    DOCKER_HOST: env.DOCKER_HOST,
    MULTIARCH_STATE_DIR: state,
    MULTIARCH_BASE_IMAGE: baseImage,
  };
  // What jest sets for its own workers.
  delete variables.NODE_OPTIONS;
  delete variables.NODE_ENV;
  const child = spawn("npm", command.split(" "), { cwd: copy, env: variables, detached: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const kill = () => process.kill(-(child.pid ?? 0), "SIGKILL");
  // What hangs is ended while its output can still be shown.
  const timer = setTimeout(kill, 90_000);
  const done = new Promise<{ code: number | null; output: string }>((end) => {
    child.on("exit", (code) => {
      clearTimeout(timer);
      setImmediate(() => end({ code, output }));
    });
  });
  return {
    done,
    kill,
    async waitFor(text: string) {
      let ended = false;
      void done.then(() => (ended = true));
      while (!output.includes(text)) {
        if (ended) throw new Error(`npm ${command} ended without "${text}":\n${output}`);
        await new Promise((next) => setTimeout(next, 50));
      }
    },
  };
}

async function npm(command: string): Promise<string> {
  const { code, output } = await begin(command).done;
  if (code !== 0) throw new Error(`npm ${command} ended with ${code}:\n${output}`);
  ran.add(`npm ${command}`);
  return output;
}

const port = () => Number(readFileSync(join(state, "app-port"), "utf8"));
const containers = () =>
  docker(environment().env, "ps", "-aq", "--filter", `name=^${project}-`)
    .split("\n")
    .filter(Boolean);

/** Runs a command as a person who pastes it does, on the engine of the tests, and gives what it printed. */
const shell = (command: string) =>
  execFileSync("sh", ["-c", command], {
    env: { ...process.env, DOCKER_HOST: environment().env.DOCKER_HOST },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 20_000,
  });

/** Processes that work for this state: its services, and commands on it. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(state) ? [line] : [];
      } catch {
        return []; // It ended in the meantime.
      }
    });
}

it("the first start ends with the address, and the page there tells release and machine", async () => {
  const output = await npm("start");
  const address = `http://127.0.0.1:${port()}`;
  expect(output).toContain(`It runs: open ${address}\n`);
  expect(output).toContain("start the registry");
  expect(output).toMatch(/Resources:\n\s+\+ \d+ created/);
  const page = await get(port());
  expect(page).toContain("<h1>first release</h1>");
  expect(page).toContain(`<dd id="machine">${machine}</dd>`);
  expect(page).toContain(`<dd id="built">${machine}</dd>`);
});

it("an edited release is on the page after the next start", async () => {
  edit("examples/web/RELEASE", () => "second release\n");
  const output = await npm("start");
  expect(output).not.toContain("start the "); // what runs is used
  expect(await get(port())).toContain("<h1>second release</h1>");
});

it("a start that is killed with all its processes in the middle of a build is made good by the next", async () => {
  edit("examples/web/RELEASE", () => "third release\n");
  edit("examples/web/Dockerfile", (text) => text.replace("RUN mkdir", "RUN sleep 4 && mkdir"));
  const run = begin("start");
  await run.waitFor("RUN sleep 4");
  run.kill();
  await run.done;
  expect(await get(port())).toContain("<h1>second release</h1>");
  await npm("start");
  expect(await get(port())).toContain("<h1>third release</h1>");
  // Pulumi's plugins have process groups of their own, and outlive a kill of everything else.
  expect(processes().filter((line) => line.includes("pulumi-resource"))).toEqual([]);
});

it("a preview after the target's architecture was edited shows what would change, and changes nothing", async () => {
  const before = containers();
  edit("Pulumi.local.yaml", (text) => text.replace(/(:architecture:).*/, `$1 ${other}`));
  const output = await npm("run preview");
  expect(output).toContain(
    other === "arm64"
      ? "platforms: linux/amd64 (image.platforms), linux/arm64 (host.architecture, image.platforms)"
      : "platforms: linux/amd64 (host.architecture, image.platforms), linux/arm64 (image.platforms)",
  );
  expect(output).toMatch(/\+- command:local:Command web-pull replace/);
  expect(containers()).toEqual(before);
  expect(await get(port())).toContain("<h1>third release</h1>");
});

it("a preview with --diff and any other command of Pulumi run in the same environment; type errors are reported after the preview", async () => {
  edit("index.ts", (text) => `${text}\nexport const wrong: number = "text";\n`);
  const { code, output } = await begin("run preview -- --diff").done;
  ran.add("npm run preview -- --diff");
  expect(code).toBe(1);
  expect(output).toMatch(
    /error: the program has type errors[^]*\nindex\.ts\(\d+,14\): error TS2322/,
  );
  edit("index.ts", (text) => text.replace(/\n.*wrong: number.*\n/, ""));
  expect(output).toMatch(/^ +~ multiarch:index:App: \(update\)/m);
  expect(output).toContain(other === "arm64" ? `"arm64"` : `"x86_64"`);
  expect(await npm("run pulumi -- stack output")).toMatch(/^ +url +http:/m);
  edit("Pulumi.local.yaml", (text) =>
    text.replace(/(:architecture:).*/, `$1 ${process.arch === "x64" ? "x86_64" : "arm64"}`),
  );
});

it.each([
  ["ecs", "aws:ecs:Service web created", ["<h1>third release</h1>", ""]],
  ["ec2", "aws:ssm:Association web-release created", ["<instanceType>t3.small</instanceType>"]],
  ["lambda", "aws:lambda:Alias web-alias created", ['"PackageType": ?"Image"']],
  ["host", "command:local:Command web created", []],
])(
  "a start with --target %s moves the app there, and each command that it prints at the end works as printed",
  async (target, made, answers) => {
    const output = await npm(`start -- --target ${target}`);
    expect(output).toContain(`+  ${made}`);
    expect(output).toContain("What to try next");
    const end = output.slice(output.indexOf("Resources:"));
    const commands = [...end.matchAll(/^ {2}((?:curl|docker) .*)$/gm)].map(
      ([, command]) => command!,
    );
    expect(commands).toHaveLength(answers.length);
    const answered = commands.map((command) => shell(`${command} 2>&1`));
    answers.forEach((answer, at) => expect(answered[at]).toMatch(new RegExp(answer)));
    if (target !== "host") {
      const variables = [...end.matchAll(/^ {2}(export AWS_.*)$/gm)].map(([, line]) => line!);
      expect(variables).toHaveLength(8);
      // The AWS CLI is not installed everywhere, so only the endpoints are tried.
      for (const line of variables.filter((one) => one.includes("_ENDPOINT_URL")))
        shell(`${line}; curl --silent --show-error "\${${/AWS_\w+/.exec(line)![0]}}/"`);
    }
  },
);

it("a target that doesn't exist is an error that lists the targets, before anything is done", async () => {
  const { code, output } = await begin("start -- --target esc").done;
  expect(code).toBe(1);
  expect(output).toContain('error: --target: "esc" is not a target');
  expect(output).toContain("write one of host, ec2, ecs, lambda");
  expect(output).not.toContain("Updating");
});

it("down removes the container and stops what was started, and nothing else; a second one finds nothing to do", async () => {
  expect(containers()).not.toEqual([]);
  expect(processes().length).toBeGreaterThanOrEqual(3);
  const output = await npm("run down");
  expect(output).toContain("stopped: the AWS emulators, the registry, the builder\n");
  expect(containers()).toEqual([]);
  expect(processes()).toEqual([]);
  await expect(get(port())).rejects.toThrow();
  // The engine was there before.
  expect(docker(environment().env, "version", "--format", "{{.Server.Os}}")).toBe("linux");

  const again = await npm("run down");
  expect(again).toContain("nothing is deployed");
  expect(again).toContain("nothing was running");
});

it("every command of the README was run here, but for those that other tests run", () => {
  const text = readFileSync(join(checkout, "README.md"), "utf8");
  const named = [...text.matchAll(/`(npm [^`]+)`/g)].map(([, command]) => command!);
  const elsewhere = [
    "npm test", // this very run
    ...["npm pack", "npm install @pulumi/pulumi PATH/multiarch-0.1.0.tgz"], // package.test.ts
    "npm run pulumi", // with a command behind it, as the README has it
    "npm test -- changes", // what the README says isn't in here
    ...["npm run test:faults", "npm run test:fuzz"], // their short forms are in `npm test`
    "npm run bench", // an hour, with a table as its outcome
  ];
  expect(named.filter((command) => !ran.has(command) && !elsewhere.includes(command))).toEqual([]);
});
