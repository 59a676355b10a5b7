import * as fc from "fast-check";
import { lifecyclePolicy, repositoryPolicy } from "../../components/registry/policies";
import { repositoryProblems } from "../../components/registry/repositoryProblems";
import {
  logStatements,
  policy,
  pullStatements,
  secretStatements,
  trust,
} from "../../components/targets/aws/iam";

interface Rule {
  rulePriority: number;
  description: string;
  selection: {
    tagStatus: string;
    tagPatternList?: string[];
    countType: string;
    countUnit?: string;
    countNumber: number;
  };
  action: { type: string };
}
const rulesOf = (options: Parameters<typeof lifecyclePolicy>[0]) =>
  (JSON.parse(lifecyclePolicy(options)) as { rules: Rule[] }).rules;
const repositoryArn = "arn:aws:ecr:eu-west-1:123456789012:repository/team/web";

describe("the lifecycle policy", () => {
  it("by default expires what has no tag, and nothing else", () => {
    expect(rulesOf({ untaggedDays: 14, rules: [] })).toEqual([
      {
        rulePriority: 1,
        description: "leftovers without a tag",
        selection: {
          tagStatus: "untagged",
          countType: "sinceImagePushed",
          countUnit: "days",
          countNumber: 14,
        },
        action: { type: "expire" },
      },
    ]);
  });

  it("with keepReleases protects what stacks run before it counts releases", () => {
    const rules = rulesOf({ untaggedDays: 1, keepReleases: 5, rules: [] });
    expect(rules.map(({ rulePriority, selection }) => ({ rulePriority, ...selection }))).toEqual([
      {
        rulePriority: 1,
        tagStatus: "tagged",
        tagPatternList: ["live-*"],
        countType: "imageCountMoreThan",
        countNumber: 100_000,
      },
      {
        rulePriority: 2,
        tagStatus: "tagged",
        tagPatternList: ["sha-*"],
        countType: "imageCountMoreThan",
        countNumber: 5,
      },
      {
        rulePriority: 3,
        tagStatus: "untagged",
        countType: "sinceImagePushed",
        countUnit: "days",
        countNumber: 1,
      },
    ]);
  });

  it("has the user's rules behind what stacks run and behind releases, one for each pattern", () => {
    const rules = rulesOf({
      untaggedDays: 14,
      keepReleases: 5,
      rules: [
        { tagPatterns: ["pr-*", "branch-*"], expireAfterDays: 30, description: "previews" },
        { tagPatterns: ["nightly-*"], keepNewest: 3 },
      ],
    });
    expect(
      rules.map(({ rulePriority, description, selection }) => [
        rulePriority,
        description,
        selection.tagPatternList?.join(),
        selection.countType,
        selection.countNumber,
      ]),
    ).toEqual([
      [1, "what a stack runs stays", "live-*", "imageCountMoreThan", 100_000],
      [2, "the newest 5 releases stay", "sha-*", "imageCountMoreThan", 5],
      [3, "previews", "pr-*", "sinceImagePushed", 30],
      [4, "previews", "branch-*", "sinceImagePushed", 30],
      [5, "nightly-*", "nightly-*", "imageCountMoreThan", 3],
      [6, "leftovers without a tag", undefined, "sinceImagePushed", 14],
    ]);
  });

  it("whatever the options, is sorted, without gaps, untagged last, and expires releases only for keepReleases", () => {
    const rule = fc.record({
      tagPatterns: fc.array(fc.constantFrom("pr-*", "nightly", "*-rc"), { minLength: 1 }),
      expireAfterDays: fc.integer({ min: 1, max: 400 }),
    });
    const options = fc.record(
      {
        untaggedDays: fc.integer({ min: 1, max: 400 }),
        keepReleases: fc.integer({ min: 1, max: 1000 }),
        rules: fc.array(rule),
      },
      { requiredKeys: ["untaggedDays", "rules"] },
    );
    fc.assert(
      fc.property(options, (given) => {
        const rules = rulesOf(given);
        expect(rules.map(({ rulePriority }) => rulePriority)).toEqual(rules.map((_, at) => at + 1));
        expect(rules.map(({ selection }) => selection.tagStatus).indexOf("untagged")).toBe(
          rules.length - 1,
        );
        const patterns = rules.flatMap(({ selection }) => selection.tagPatternList ?? []);
        const asked = given.keepReleases !== undefined;
        // A rule for releases stands before the user's, which could select one that has another tag too.
        const first = asked ? 1 : 0;
        if (asked || given.rules.length > 0) expect(patterns[first]).toBe("sha-*");
        else expect(patterns).toEqual([]);
        if (asked) expect(patterns[0]).toBe("live-*");
        const releases = rules.find(({ selection }) => selection.tagPatternList?.[0] === "sha-*");
        if (releases) expect(releases.selection.countNumber).toBe(given.keepReleases ?? 100_000);
        for (const { selection } of rules)
          expect(selection.tagPatternList ?? ["one"]).toHaveLength(1);
      }),
    );
  });
});

describe("a pattern of tags of the user's own", () => {
  const refused = (tag: string) =>
    repositoryProblems({ lifecycleRules: [{ tagPatterns: [tag], keepNewest: 1 }] }, "").length > 0;

  it.each(["*", "sha-*", "sha-f*", "s*", "*f", "*0*", "sha-0123456789abcdef0123456*", "*a*b*"])(
    "%s may select a release and is refused",
    (tag) => expect(refused(tag)).toBe(true),
  );

  it.each(["live-*", "live-api-stage", "live-*-*"])(
    "%s selects what stacks run and is refused",
    (tag) => expect(refused(tag)).toBe(true),
  );

  it.each([
    "pr-*",
    "sha256-*",
    "sha-x*",
    "sha",
    "v*",
    "*-snapshot",
    "*-prod",
    "nightly",
    "shallow-*",
  ])("%s can't and is taken", (tag) => expect(refused(tag)).toBe(false));

  it("is refused whenever some release matches it", () => {
    const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), size: "medium" });
    const release = fc
      .tuple(hex, fc.constant("0123456789abcdef01234567"))
      .map(([start, rest]) => `sha-${(start + rest).slice(0, 24)}`);
    const cut = fc.tuple(release, fc.nat(28), fc.nat(28)).map(([tag, one, two]) => {
      const [from, to] = [Math.min(one, two), Math.max(one, two)];
      return `${tag.slice(0, from)}*${tag.slice(to)}`;
    });
    fc.assert(fc.property(cut, (tag) => refused(tag)));
  });
});

describe("the repository policy", () => {
  it("is absent where nobody else pulls", () => {
    expect(repositoryPolicy(repositoryArn, [], false)).toBeUndefined();
  });

  it("lets the stated accounts pull, and do nothing else", () => {
    const text = repositoryPolicy(repositoryArn, ["111111111111", "222222222222"], false)!;
    expect(JSON.parse(text)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "Pull",
          Effect: "Allow",
          Principal: { AWS: ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"] },
          Action: [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
          ],
        },
      ],
    });
  });

  it("lets Lambda pull for this account's functions in this region", () => {
    expect(JSON.parse(repositoryPolicy(repositoryArn, [], true)!)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "LambdaPull",
          Effect: "Allow",
          Principal: { Service: "lambda.amazonaws.com" },
          Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
          Condition: {
            StringLike: { "aws:sourceArn": "arn:aws:lambda:eu-west-1:123456789012:function:*" },
          },
        },
      ],
    });
  });

  it("names the partition that the repository lies in", () => {
    const china = "arn:aws-cn:ecr:cn-north-1:123456789012:repository/web";
    const text = repositoryPolicy(china, ["111111111111"], true)!;
    expect(text).toContain("arn:aws-cn:iam::111111111111:root");
    expect(text).toContain("arn:aws-cn:lambda:cn-north-1:123456789012:function:*");
    expect(text).not.toContain("arn:aws:");
  });
});

describe("statements of a role", () => {
  const secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf";
  const parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/team/level";

  it("let it pull from the one repository", () => {
    expect(pullStatements(repositoryArn)).toEqual([
      { Effect: "Allow", Action: ["ecr:GetAuthorizationToken"], Resource: ["*"] },
      {
        Effect: "Allow",
        Action: [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ],
        Resource: [repositoryArn],
      },
    ]);
  });

  it("let it pull nothing where the image lies in another registry", () => {
    expect(pullStatements("")).toEqual([]);
  });

  it.each(["", ":*"])("let it write to the one log group (ARN with %j behind)", (suffix) => {
    const arn = "arn:aws:logs:eu-west-1:123456789012:log-group:web";
    expect(logStatements(arn + suffix)).toEqual([
      {
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: [`${arn}:*`],
      },
    ]);
  });

  it("let it read the secrets named, each once, without the JSON key behind", () => {
    const statements = secretStatements([
      `${secret}:key::`,
      parameter,
      secret,
      `${secret}:other::`,
    ]);
    expect(statements).toEqual([
      { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [secret] },
      { Effect: "Allow", Action: ["ssm:GetParameters"], Resource: [parameter] },
    ]);
  });

  it("let programs read a single parameter where that is asked for", () => {
    const actions = ["ssm:GetParameter", "ssm:GetParameters"];
    expect(secretStatements([parameter], actions)).toEqual([
      { Effect: "Allow", Action: actions, Resource: [parameter] },
    ]);
  });

  it("let it read nothing where no secret is named", () => {
    expect(secretStatements([])).toEqual([]);
  });

  it("make a policy, and the role is taken by the one service", () => {
    expect(JSON.parse(policy(secretStatements([secret])))).toEqual({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: ["secretsmanager:GetSecretValue"], Resource: [secret] },
      ],
    });
    expect(JSON.parse(trust("lambda.amazonaws.com"))).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "lambda.amazonaws.com" },
          Action: "sts:AssumeRole",
        },
      ],
    });
  });
});
