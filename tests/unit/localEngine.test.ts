import { otherEngines, refuseSecondEngine } from "../../local/docker";

// A second engine isn't started to see this: it would break the ports of the one that runs.

const own = "/home/me/.local/state/multiarch/docker/data";
const engine = (pid: number, ...args: string[]) => ({ pid, args: ["/usr/bin/dockerd", ...args] });
const refuse = (...engines: ReturnType<typeof engine>[]) =>
  refuseSecondEngine(otherEngines(engines, own));

it("an engine is started where none runs, and where its own is left from an earlier run", () => {
  refuse();
  refuse(engine(7, "--data-root", own, "-H", "unix:///x"));
});

it("a second engine in one network is refused, with the commands that end or use the other state's engine", () => {
  const other = engine(
    8,
    "--data-root",
    "/tmp/state/docker/data",
    "-H",
    "unix:///tmp/state/docker/docker.sock",
  );
  const failed = () => refuse(engine(7, "--data-root", own), other);
  expect(failed).toThrow(
    "another Docker engine runs in this network (process 8, unix:///tmp/state/docker/docker.sock)\n",
  );
  expect(failed).toThrow("`MULTIARCH_STATE_DIR=/tmp/state npm run down`");
  expect(failed).toThrow("`export DOCKER_HOST=unix:///tmp/state/docker/docker.sock`");
});

it("a second engine is refused beside one of the system, which doesn't answer yet", () => {
  expect(() => refuse(engine(9, "-H", "fd://"))).toThrow(
    "(process 9, unix:///var/run/docker.sock)",
  );
  expect(() => refuse(engine(9))).toThrow("end it with `kill 9`");
});
