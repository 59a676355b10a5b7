import { createAwsApp } from "./awsProject";

// What a user sees who has not set a region yet, with each target on AWS.

it("without a region, a preview ends with one error that says how to set it, and with no stack", async () => {
  const { project, set } = await createAwsApp("region", `ecs: {}`);
  await project.pulumi(["config", "rm", "aws:region"]);
  const env = { AWS_REGION: "", AWS_DEFAULT_REGION: "" };
  const targets = [
    `ecs: { containerPort: 8080, loadBalancer: { ingressCidrs: ["203.0.113.0/24"] } }`,
    `ec2: { instanceType: "t3.small" }`,
    `lambda: {}`,
    `ec2: { instanceType: "t3.small" }, ecs: {}, lambda: {}`,
    `repository: { existing: { name: "team/web" } }`,
  ];
  for (const target of targets) {
    set(target);
    const { output } = await project.preview({ expectFailure: true, env });
    const shown = output.slice(output.indexOf("Diagnostics:"));
    expect(shown.match(/error: .*/g)).toEqual([
      "error: aws:region: is not set; run `pulumi config set aws:region eu-west-1`, set AWS_REGION, or give the component a provider with a region",
    ]);
    expect(shown).not.toMatch(/^\s+at |unhandled exception/m);
  }
  await project.dispose();
});
