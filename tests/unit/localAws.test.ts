import { likeEcr } from "../../local/ecrFront";
import { refuseTarget, settings, takeTarget } from "../../local/stackAws";
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
