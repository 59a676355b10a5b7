import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type CiLinters, ensureCiLinters } from "../../local/ciLinters";
import { consoleLog } from "../../local/log";
import { environment } from "./harness";
import { type Ended, githubLint, jobsOf, pipelines, type Provider } from "./pipelines";
import { read, run, scriptsOf, textOf } from "./pipelines";

// The pipelines of examples/ci, which no provider has run: what the providers' own linters and schemas say of them, and what
// their scripts do, run here against the real builder and registry.

let linters: CiLinters;
let folder: string;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "multiarch-ci-"));
  linters = await ensureCiLinters(consoleLog());
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A file of the test's own folder. */
function write(name: string, text: string, mode = 0o644): string {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode });
  return file;
}

/** What the provider's own linter or schema says of a pipeline. */
function lint(provider: Provider, text: string): Promise<Ended> {
  if (provider === "github") return run(githubLint, { input: text });
  return run([...linters[provider], write("linted.yml", text)]);
}

/** A change that each provider must refuse, and what it must say. */
const breakages: readonly (readonly [Provider, RegExp, string, RegExp])[] = [
  ["github", /runs-on:/, "runs_on:", /runs_on/],
  ["github", /steps\.sources\.outputs/, "steps.source.outputs", /source/],
  ["github", /id-token: write/, "id-token: admin", /admin/],
  ["gitlab", /resource_group: production/, "resource_group: [production]", /resource_group/],
  ["gitlab", /interruptible: false/, "interruptible: never", /interruptible/],
  ["circleci", /serial-group: .*/, "serial-group: [production]", /serial-group/],
  ["circleci", /requires: \[build\]/, "requires: 1", /requires/],
];

describe.each(pipelines)("examples/ci/%s/%s", (provider, file) => {
  const text = textOf(provider, file);
  const pipeline = read(text);
  const jobs = jobsOf(provider, pipeline);

  it("is what its provider accepts", async () => {
    const { code, output } = await lint(provider, text);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  });

  const mine = breakages.filter(([of, found]) => of === provider && found.test(text));
  it.each(mine)("would be refused by %s if %s were %s", async (_, found, broken, said) => {
    const { code, output } = await lint(provider, text.replace(found, broken));
    expect(output).toMatch(said);
    expect(code).not.toBe(0);
  });

  it("holds scripts in which ShellCheck finds nothing", async () => {
    const scripts = Object.values(jobs).flatMap(scriptsOf);
    expect(scripts.length).toBeGreaterThan(1);
    for (const script of scripts) {
      const input = `set -e\n${script}\n`;
      expect({ script, ...(await run(linters.shellcheck, { input })) }).toMatchObject({
        code: 0,
        output: "",
      });
    }
    const broken = await run(linters.shellcheck, { input: "rm -rf $FOLDER\n" });
    expect(broken.output).toContain("SC2086");
  });

  it("deploys one at a time, from the main branch alone, and ends no deployment half way", () => {
    const deploy = jobs.deploy!;
    if (provider === "github") {
      expect(pipeline.concurrency["cancel-in-progress"]).toBe(false);
      expect(pipeline.concurrency.group).toContain("github.ref");
      expect(pipeline.on.push).toEqual({ branches: ["main"] });
      expect(deploy).toMatchObject({
        if: "github.event_name == 'push'",
        environment: "production",
      });
    } else if (provider === "gitlab") {
      expect(deploy).toMatchObject({
        resource_group: "production",
        interruptible: false,
        rules: [{ if: "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" }],
      });
    } else {
      const [last] = pipeline.workflows.deploy!.jobs.slice(-1);
      expect(last!.deploy).toMatchObject({
        "serial-group": "<< pipeline.project.slug >>/production",
        filters: { branches: { only: "main" } },
      });
    }
  });

  it("takes temporary credentials of AWS, and holds no key", () => {
    expect(text).not.toMatch(/AWS_SECRET_ACCESS_KEY|AWS_ACCESS_KEY_ID|aws-secret-access-key/);
    const exchanged = {
      github: "role-to-assume: ${{ vars.AWS_DEPLOY_ROLE }}",
      gitlab: "AWS_ROLE_ARN: $AWS_DEPLOY_ROLE",
      circleci: "role_arn: $AWS_DEPLOY_ROLE",
    };
    expect(text).toContain(exchanged[provider]);
    expect(text).not.toContain(":latest");
  });

  if (provider !== "github") return;
  it("gives strangers nothing, each job what it needs, and pins each action", async () => {
    expect(Object.keys(pipeline.on)).toEqual(["pull_request", "push"]);
    expect(pipeline.permissions).toEqual({});
    for (const [name, { permissions }] of Object.entries(jobs)) {
      const commenting = name === "preview" ? { "pull-requests": "write" } : {};
      expect(permissions).toEqual({ contents: "read", "id-token": "write", ...commenting });
    }
    const actions = text.match(/uses: .*/g)!;
    for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);

    const workflow = write(".github/workflows/deploy.yml", text);
    expect(await run([...linters.zizmor, workflow])).toMatchObject({ code: 0 });
    write(".github/workflows/deploy.yml", text.replace("pull_request:", "pull_request_target:"));
    const broken = await run([...linters.zizmor, workflow]);
    expect(broken.output).toContain("dangerous-triggers");
    expect(broken.code).not.toBe(0);
  });
});

describe.each([
  [".github/workflows/ci.yml", ["npm test", "npm start", "npm run down"]],
  [".github/workflows/hashes.yml", ["npm ci --ignore-scripts", "npm run hashes", undefined]],
])("this project's own workflow %s", (file, commands) => {
  const text = fs.readFileSync(path.resolve(__dirname, "../..", file), "utf8");
  const pipeline = read(text);
  const scripts = Object.values(pipeline.jobs).flatMap(scriptsOf);

  it("is what GitHub, ShellCheck and zizmor accept", async () => {
    expect(await lint("github", text)).toEqual({ code: 0, output: "" });
    for (const input of scripts)
      expect(await run(linters.shellcheck, { input })).toMatchObject({ code: 0, output: "" });
    const copy = write(`own/${file}`, text);
    expect(await run([...linters.zizmor, copy])).toMatchObject({ code: 0 });
    write(`own/${file}`, text.replace(/pull_request:|workflow_dispatch:/, "pull_request_target:"));
    expect((await run([...linters.zizmor, copy])).output).toContain("dangerous-triggers");
  });

  it("runs the commands that people type, and npm test as .ci/run does", () => {
    const typed = scripts.map((script) => /npm .*/.exec(script)?.[0]);
    expect(typed).toEqual(commands);
    expect(fs.readFileSync(path.resolve(__dirname, "../../.ci/run"), "utf8")).toContain("npm test");
  });

  it("may read the repository and nothing else, and pins each action", () => {
    expect(pipeline.permissions).toEqual({});
    for (const { permissions } of Object.values(pipeline.jobs))
      expect(permissions).toEqual({ contents: "read" });
    expect(text).not.toContain("secrets.");
    const actions = text.match(/uses: .*/g)!;
    for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });
});

/** Runs a script as its provider's shell does. */
function shell(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  return run(["bash", "-eo", "pipefail", "-c", script], { cwd, env: { ...process.env, ...env } });
}

/** What a provider tells a job of the main branch, and one of a pull or merge request. */
const told: Readonly<Record<Provider, { main: NodeJS.ProcessEnv; request: NodeJS.ProcessEnv }>> = {
  github: { main: { GITHUB_REF: "refs/heads/main" }, request: { GITHUB_REF: "refs/pull/7/merge" } },
  gitlab: {
    main: { CI_COMMIT_BRANCH: "main", CI_DEFAULT_BRANCH: "main" },
    request: { CI_DEFAULT_BRANCH: "main" },
  },
  circleci: { main: { CIRCLE_BRANCH: "main" }, request: { CIRCLE_BRANCH: "topic" } },
};

describe.each(pipelines.filter(([, file]) => file.startsWith("native")))(
  "the scripts of examples/ci/%s/%s",
  (provider, file) => {
    const jobs = jobsOf(provider, read(textOf(provider, file)));
    const scripts = Object.values(jobs).flatMap((job) => [
      ...(job.before_script ?? []),
      ...(job.script ?? scriptsOf(job)),
    ]) as string[];
    const script = (part: string) => scripts.find((one) => one.includes(part))!;

    it("push each platform by digest, keep its cache on main alone, and hand both digests on", async () => {
      const { registry, baseImage, builder, env } = environment();
      const work = path.join(folder, `build-${provider}`);
      write(`build-${provider}/app/Dockerfile`, `FROM ${baseImage}\nRUN uname -m > /built-on\n`);
      const name = `examples/ci-${provider}-${process.pid}`;
      const repository = `${registry.address}/${name}`;
      const given = { ...env, BUILDX_BUILDER: builder, IMAGE_REPOSITORY: repository };

      const build = (ARCH: string, more: NodeJS.ProcessEnv) =>
        shell(script("--metadata-file"), work, {
          ...given,
          ARCH,
          PLATFORM: `linux/${ARCH}`,
          ...more,
        });
      const request = await build("amd64", told[provider].request);
      expect(request).toMatchObject({ code: 0 });
      const tags = async () =>
        (await (await fetch(`http://${registry.address}/v2/${name}/tags/list`)).json()) as unknown;
      expect(await tags()).not.toMatchObject({ tags: [expect.any(String)] });
      fs.rmSync(path.join(work, "sources"), { recursive: true });

      for (const arch of ["amd64", "arm64"]) {
        const { code, output } = await build(arch, told[provider].main);
        expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
        // The runner of the next platform is another machine.
        fs.renameSync(path.join(work, "sources"), path.join(work, `sources-${arch}`));
      }
      expect(await tags()).toMatchObject({ tags: ["cache-ci-amd64", "cache-ci-arm64"] });

      fs.mkdirSync(path.join(work, "sources"));
      for (const arch of ["amd64", "arm64"])
        fs.copyFileSync(
          path.join(work, `sources-${arch}`, `${arch}.json`),
          path.join(work, "sources", `${arch}.json`),
        );
      const handed = path.join(work, "handed");
      const join = script("jq -cs add");
      const joined = await shell(`${join}\nprintf '%s' "\${IMAGE_SOURCES:-}"`, work, {
        GITHUB_OUTPUT: handed,
        BASH_ENV: undefined,
        ...(provider === "circleci" ? { BASH_ENV: write("bash-env", "") } : {}),
      });
      expect(joined).toMatchObject({ code: 0 });
      const text = {
        github: () => fs.readFileSync(handed, "utf8").replace("json=", ""),
        gitlab: () => joined.output,
        circleci: () => /'(.*)'/.exec(fs.readFileSync(path.join(folder, "bash-env"), "utf8"))![1]!,
      }[provider]();

      const sources = JSON.parse(text) as Record<string, string>;
      expect(Object.keys(sources)).toEqual(["linux/amd64", "linux/arm64"]);
      for (const [platform, reference] of Object.entries(sources)) {
        const [, digest] = reference.split(`${repository}@`);
        expect(await platformOf(name, digest!)).toBe(platform);
      }
    });

    // GitHub's is an action of Pulumi's.
    if (provider === "github") return;
    it("show a preview that failed on the request too, and fail with it", async () => {
      const stubs = path.join(folder, `stubs-${provider}`);
      const sent = path.join(stubs, "sent");
      write(`stubs-${provider}/pulumi`, "#!/bin/sh\necho 'error: no'\nexit 255\n", 0o755);
      write(
        `stubs-${provider}/curl`,
        [
          "#!/bin/sh",
          `case "$*" in */pulls) echo '[{"number":7}]'; exit;; esac`,
          // What curl would send: the file that is named, or stdin.
          `case "$*" in *body@note.md*) cat note.md;; *) cat;; esac >"${sent}"`,
          `echo "$*" >>"${sent}"`,
        ].join("\n"),
        0o755,
      );
      const ended = await shell(script("pulumi preview"), stubs, {
        PATH: `${stubs}:${process.env.PATH}`,
        PULUMI_STACK: "production",
        GITHUB_REPOSITORY: "team/web",
        CIRCLE_SHA1: "0123abc",
        CI_API_V4_URL: "https://gitlab.test/api/v4",
        CI_PROJECT_ID: "5",
        CI_MERGE_REQUEST_IID: "7",
      });
      expect(ended.code).toBe(255);
      expect(ended.output).toContain("error: no");
      const posted = fs.readFileSync(sent, "utf8");
      expect(posted).toMatch(/pulumi preview of production[\s\S]*error: no/);
      expect(posted).toContain(
        provider === "gitlab"
          ? "https://gitlab.test/api/v4/projects/5/merge_requests/7/notes"
          : "https://api.github.com/repos/team/web/issues/7/comments",
      );
    });
  },
);

/** The platform that an image in the registry says it is of; what is no single image has none. */
async function platformOf(repository: string, digest: string): Promise<string> {
  const base = `http://${environment().registry.address}/v2/${repository}`;
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const response = await fetch(`${base}/manifests/${digest}`, { headers: { accept } });
  const manifest = (await response.json()) as { config: { digest: string } };
  const config = await (await fetch(`${base}/blobs/${manifest.config.digest}`)).json();
  const { os: system, architecture } = config as { os: string; architecture: string };
  return `${system}/${architecture}`;
}
