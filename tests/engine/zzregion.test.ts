import { createAwsApp } from "./awsProject";
it("x", async () => {
  const app = await createAwsApp("zzregion", `ecs: { architecture: "x86_64" }`);
  const { project } = app;
  await project.pulumi(["config", "rm", "aws:region"]);
  const env = { AWS_REGION: "", AWS_DEFAULT_REGION: "", AWS_PROFILE: "", AWS_CONFIG_FILE: "/nonexistent" };
  for (const target of [`ecs: { architecture: "x86_64" }`, `ec2: { instanceType: "t3.small" }`, `lambda: { }`]) {
    app.set(target);
    console.log((await project.preview({ expectFailure: true, env })).output);
  }
  await project.dispose();
});
