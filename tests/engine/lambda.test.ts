import {
  GetFunctionCommand,
  GetFunctionUrlConfigCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  type AwsApp,
  changes,
  client,
  createAwsApp,
  digestOf,
  expectHonest,
  position,
  liveVersion,
} from "./awsProject";

// A function of Lambda through its life, on the emulated AWS: what Lambda is then set to run is asked of its API. The emulator doesn't
// run images. Each test goes on where the one before ended.

const lambda = client("lambda", LambdaClient);
let app: AwsApp;
const on = (architecture: string) => `lambda: { architecture: "${architecture}", functionUrl: {} }`;

beforeAll(async () => {
  app = await createAwsApp("lambda", on("x86_64"));
});

const target = async () =>
  (await app.project.outputs()).lambda as { functionName: string; version: string; url: string };

/** What the alias that callers use points at. */
const live = async () => liveVersion((await target()).functionName);

it("the first up builds, verifies, and gives Lambda the platform's own digest, never the index", async () => {
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  const order = [
    "create Image web-linux-amd64",
    "create Command web-verified",
    "create Function web",
    "create Alias web-alias",
  ];
  const positions = order.map((change) => position(run, change));
  expect(positions).not.toContain(-1);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  expect(await live()).toEqual({
    version: "1",
    architectures: ["x86_64"],
    image: expect.stringMatching(new RegExp(`@${await digestOf(app, "linux/amd64")}$`)),
  });
  const { functionName, url } = await target();
  const config = await lambda.send(
    new GetFunctionUrlConfigCommand({ FunctionName: functionName, Qualifier: "live" }),
  );
  expect(config.AuthType).toBe("AWS_IAM");
  expect(url).toBe(config.FunctionUrl);
});

it("a second preview and up change nothing", async () => {
  for (const command of ["preview", "up"] as const)
    expect(changes(await app.project[command]())).toEqual([]);
});

it("a new release is another version, to which the alias moves", async () => {
  app.project.write("app/RELEASE", "release two");
  const preview = await app.project.preview();
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(await live()).toMatchObject({
    version: "2",
    image: expect.stringMatching(new RegExp(`@${await digestOf(app, "linux/amd64")}$`)),
  });
});

it("an architecture flipped changes the function in place, without a build for what the index holds, and back", async () => {
  app.set(on("arm64"));
  const preview = await app.project.preview({ diff: true });
  expect(preview.output).toMatch(
    /linux\/arm64: "image\.platforms"\s+=> "image\.platforms, lambda\.architecture"|linux\/arm64: .*lambda\.architecture/,
  );
  expect(preview.output).toMatch(/architectures\s*: \[\s*~ \[0\]: "x86_64" => "arm64"/);
  const run = await app.project.up();
  expectHonest(preview, run);
  expect(run.output).not.toContain("building linux");
  expect(changes(run)).toContain("update Function web");
  expect(await live()).toEqual({
    version: "3",
    architectures: ["arm64"],
    image: expect.stringMatching(new RegExp(`@${await digestOf(app, "linux/arm64")}$`)),
  });
  app.set(on("x86_64"));
  const back = await app.project.up();
  expect(back.output).not.toContain("building linux");
  expect(await live()).toMatchObject({ version: "4", architectures: ["x86_64"] });
});

it("a secret in the environment is refused, with the way to pass it", async () => {
  app.set(`lambda: { environment: { TOKEN: pulumi.secret("canary-plain") } }`);
  const { output } = await app.project.preview({ expectFailure: true });
  expect(output).toContain("lambda.environment.TOKEN: is secret");
  expect(output).not.toContain("canary-plain");
  app.set(on("x86_64"));
});

it("a finished index that is given by hand is verified, and the function gets its own platform's image of it", async () => {
  const { imageUri } = await app.project.outputs();
  app.set(
    on("x86_64"),
    undefined,
    `const given = { ref: ${JSON.stringify(imageUri)}, repository: app.repository, platforms: ["linux/arm64"] };
const image = new multiarch.Image("given", given);
exports.other = new multiarch.LambdaTarget("other", { image, architecture: "arm64" }).functionName;
`,
  );
  await app.project.up();
  const { other } = await app.project.outputs();
  const { Code, Configuration } = await lambda.send(
    new GetFunctionCommand({ FunctionName: other as string }),
  );
  expect(Configuration?.Architectures).toEqual(["arm64"]);
  expect(Code?.ImageUri).toMatch(new RegExp(`@${await digestOf(app, "linux/arm64")}$`));
});

it("after destroy Lambda has no function", async () => {
  const { functionName } = await target();
  await app.project.destroy();
  await expect(
    lambda.send(new GetFunctionCommand({ FunctionName: functionName })),
  ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  await app.project.dispose();
});
