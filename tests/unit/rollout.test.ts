import { fargateSizeWarning } from "../../components/targets/ecs/fargateSizes";
import { rolloutProblem } from "../../components/targets/ecs/rollout";

const arn = (revision: number) =>
  `arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-prod-web:${revision}`;
const commands = { logs: "aws logs tail web --follow --region eu-west-1" };
const event = (message: string) => ({ createdAt: "2026-11-24T10:00:00Z", message });

it("a service that runs what was asked for has no problem, whatever happened on the way", () => {
  const events = [event("(service web) was unable to place a task.")];
  expect(
    rolloutProblem(arn(3), { taskDefinition: arn(3), deployments: [], events }, commands),
  ).toBeUndefined();
});

it("one that runs another revision says which, why, how to see the logs and how to try again", () => {
  const events = [
    event("(service web) has reached a steady state."),
    event("(service web) (deployment ecs-svc/1) rolling back to deployment ecs-svc/0."),
    event("(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start."),
  ];
  expect(
    rolloutProblem(arn(4), { taskDefinition: arn(3), deployments: [], events }, commands),
  ).toBe(
    [
      "ECS runs shop-prod-web:3, not shop-prod-web:4, which was asked for: the new release didn't get healthy, and the one before serves",
      "what ECS says, the newest first:",
      "  (service web) (deployment ecs-svc/1) rolling back to deployment ecs-svc/0.",
      "  (service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.",
      "what the app said: aws logs tail web --follow --region eu-west-1",
      "once it is mended, or to try the same again: pulumi up --refresh (a plain `pulumi up` takes the new revision for running)",
    ].join("\n"),
  );
});

it.each([
  [256, 512],
  [512, 4096],
  [1024, 3072],
  [4096, 30_720],
  [8192, 61_440],
  [16_384, 122_880],
])("%d CPU units with %d MiB are a size of Fargate", (cpu, memory) => {
  expect(fargateSizeWarning(cpu, memory)).toBeUndefined();
});

it.each([
  [256, 4096, /^memory: 4096 MiB .* for 256 CPU units; it lists 512, 1024, 2048$/],
  [1024, 1024, /it lists 2048 to 8192 in steps of 1024$/],
  [8192, 17_000, /it lists 16384 to 61440 in steps of 4096$/],
  [300, 512, /^cpu: 300 is no size .*256, 512, 1024, 2048, 4096, 8192, 16384$/],
])("%d CPU units with %d MiB are none", (cpu, memory, warning) => {
  expect(fargateSizeWarning(cpu, memory)).toMatch(warning);
});
