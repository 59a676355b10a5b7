import { spawn } from "node:child_process";
import { join } from "node:path";
import { acquireLock } from "../../local/lock";

const lockFile = join(__dirname, "..", "..", "local", "lock.js");
const name = (test: string) => `test ${test} ${process.pid}`;

/** A process that takes a lock and keeps it until it is killed. */
async function holder(lock: string) {
  const script = `require(${JSON.stringify(lockFile)}).acquireLock(${JSON.stringify(lock)})
    .then(() => { console.log("held"); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}

test("one holder at a time, in the order of letting go", async () => {
  const order: string[] = [];
  const release = await acquireLock(name("order"));
  const second = acquireLock(name("order")).then((next) => (order.push("second"), next));
  await new Promise((resolve) => setTimeout(resolve, 100));
  order.push("first lets go");
  await release();
  await (
    await second
  )();
  expect(order).toEqual(["first lets go", "second"]);
});

test("many at once all get it, never two at a time", async () => {
  let holders = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const release = await acquireLock(name("many"));
      expect(++holders).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      await release();
    }),
  );
});

test("a waiting command learns the holder's pid, and takes over when the holder is killed", async () => {
  const child = await holder(name("killed"));
  const told: string[] = [];
  const taken = acquireLock(name("killed"), (pid) => told.push(pid));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(told).toEqual([String(child.pid)]);
  child.kill("SIGKILL");
  await (
    await taken
  )();
});

test("different names don't exclude each other", async () => {
  const one = await acquireLock(name("one"));
  const two = await acquireLock(name("two"));
  await one();
  await two();
});
