import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { run } from "../../components/command";

test("a command that heeds no signal is ended a second after its time, and counts as late", async () => {
  const since = Date.now();
  const ran = await run(
    "node",
    ["-e", "process.on('SIGTERM', () => {}); setTimeout(() => {}, 60000)"],
    800,
  );
  expect(ran).toMatchObject({ ok: false, late: true, detail: "node took more than 1 seconds" });
  expect(Date.now() - since).toBeLessThan(10_000);
});

test("one that isn't there is told apart from one that fails", async () => {
  expect(await run("no-such-command", [], 5000)).toMatchObject({ ok: false, missing: true });
  expect(await run("sh", ["-c", "echo Error: no room >&2; exit 3"], 5000)).toMatchObject({
    ok: false,
    missing: false,
    late: false,
    detail: "no room",
  });
});

test("one that ends before it has read its input tells why by itself", async () => {
  for (let nth = 0; nth < 5; nth += 1) {
    const ran = await run("sh", ["-c", "echo Error: no room >&2; exit 1"], 20_000, {
      input: (to) => pipeline(createReadStream("/dev/zero", { end: 4 << 20 }), to),
    });
    expect(ran).toMatchObject({ ok: false, late: false, detail: "no room" });
  }
});

test("input that fails ends the command, and the failure is what is told", async () => {
  const since = Date.now();
  const input = () => Promise.reject(new Error("the registry went away"));
  await expect(run("sleep", ["60"], 60_000, { input })).rejects.toThrow("the registry went away");
  expect(Date.now() - since).toBeLessThan(10_000);
});
