import { likeEcr } from "../../local/ecrFront";
import { emulatedNotes } from "../../local/emulated";
import { project } from "../../local/stack";
import { configuredTarget, refuseTarget, settings, takeTarget } from "../../local/stackAws";
import type { FrontReply } from "../../local/registryFront";

const request = (more: object) => ({
  method: "GET",
  path: "/v2/web/manifests/one",
  headers: { host: "localhost:5056" },
  tls: true,
  ...more,
});
const basic = (login: string) => `Basic ${Buffer.from(login).toString("base64")}`;

describe("the front of ECR's emulated registry", () => {
  it("asks for credentials as ECR does", async () => {
    const reply = (await likeEcr(request({}))) as FrontReply;
    expect(reply.status).toBe(401);
    expect(reply.headers?.["www-authenticate"]).toBe(
      'Basic realm="https://localhost:5056/",service="ecr.amazonaws.com"',
    );
  });

  it("takes the login of an authorization token, and no other", async () => {
    const login = (text: string) => likeEcr(request({ headers: { authorization: basic(text) } }));
    expect(await login("AWS:token")).toBeUndefined();
    expect(await login("AWS:")).toMatchObject({ status: 401 });
    expect(await login("me:token")).toMatchObject({ status: 401 });
  });

  it("lets the API pass, and the emulator's own engine read", async () => {
    expect(await likeEcr(request({ method: "POST", path: "/" }))).toBeUndefined();
    const headers = { "user-agent": "docker/26 UpstreamClient(docker-sdk-python/7.2.0)" };
    expect(await likeEcr(request({ headers }))).toBeUndefined();
    expect(await likeEcr(request({ method: "PUT", headers }))).toMatchObject({ status: 401 });
  });
});

describe("what npm start prints of the emulators", () => {
  const endpoints = {
    ecr: "http://localhost:1",
    ecs: "http://127.0.0.1:2",
    lambda: "http://127.0.0.1:2",
    ec2: "http://127.0.0.1:3",
    ssm: "http://127.0.0.1:3",
  };
  const aws = {
    endpoints,
    region: "us-east-1",
    accountId: "1",
    registry: "localhost:1",
    config: {},
  };

  it.each([
    [
      "ecs",
      [
        "  curl http://172.17.0.2:8080/",
        "  docker logs --tail 20 abc",
        "  docker logs --tail 20 def",
      ],
    ],
    ["lambda", ["  curl http://127.0.0.1:2/2015-03-31/functions/"]],
    [
      "ec2",
      [
        "  curl --header 'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request' 'http://127.0.0.1:3/?Action=DescribeInstances&Version=2016-11-15'",
      ],
    ],
  ])("for %s, the commands that show it, and the variables for the AWS CLI", (target, commands) => {
    const tasks = [{ container: "abc", ip: "172.17.0.2", port: "8080" }, { container: "def" }];
    const lines = emulatedNotes(target, aws, tasks).split("\n");
    expect(lines.filter((line) => /^ {2}(curl|docker)/.test(line))).toEqual(commands);
    expect(lines).toEqual(
      expect.arrayContaining([
        "  export AWS_ACCESS_KEY_ID=test",
        "  export AWS_REGION=us-east-1",
        "  export AWS_ENDPOINT_URL=http://127.0.0.1:2",
        "  export AWS_ENDPOINT_URL_EC2=http://127.0.0.1:3",
        "  export AWS_ENDPOINT_URL_ECR=http://localhost:1",
      ]),
    );
  });

  it("is for the target in the stack's configuration", () => {
    expect(configuredTarget(`config:\n  ${project}:target: ecs\n`)).toBe("ecs");
    expect(configuredTarget(`config:\n  "${project}:target": "ec2"\n`)).toBe("ec2");
    expect(configuredTarget("config:\n  other:target: ecs\n")).toBe("host");
  });
});

describe("npm start's --target", () => {
  it.each([
    [["--target", "ecs", "--diff"], "ecs", ["--diff"]],
    [["--diff", "--target=ec2"], "ec2", ["--diff"]],
    [["--target", "urn:pulumi:x::y"], undefined, ["--target", "urn:pulumi:x::y"]],
    [["--target=**web"], undefined, ["--target", "**web"]],
    [["--target-dependents"], undefined, ["--target-dependents"]],
    [[], undefined, []],
  ])("%j is for us or for Pulumi", (args, target, rest) => {
    expect(takeTarget(args)).toEqual({ target, rest });
  });

  it.each([
    [["--target", "esc"], '"esc"'],
    [["--target=esc"], '"esc"'],
    [["--target"], '""'],
    [["--target", "--diff"], '"--diff"'],
  ])("%j is an error that lists the targets", (args, shown) => {
    expect(() => takeTarget(args)).toThrow(`--target: ${shown} is not a target\n`);
    expect(() => takeTarget(args)).toThrow("write one of host, ec2, ecs, lambda, or the URN");
  });

  it("is refused by npm run preview, which passes a URN on", () => {
    expect(() => refuseTarget(["--target", "ecs"], "npm run preview")).toThrow(
      "run `npm start -- --target ecs`, or set `target` in Pulumi.local.yaml and run `npm run preview` again",
    );
    refuseTarget(["--target", "urn:pulumi:x::y", "--diff"], "npm run preview");
  });

  it("writes structured configuration by its paths", () => {
    expect(settings({ target: "ecs", "aws:endpoints": [{ ecr: "http://a", s: true }] })).toEqual([
      ...["--plaintext", "target=ecs"],
      ...["--plaintext", "aws:endpoints[0].ecr=http://a"],
      ...["--plaintext", "aws:endpoints[0].s=true"],
    ]);
  });
});
