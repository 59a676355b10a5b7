import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hostScript } from "../../components/targets/host/hostScript";

// That each part does what it should on a host is for tests/engine/hostScript.test.ts, which runs these very texts.
describe("what of host.sh goes in with a command", () => {
  const actions = ["pull", "forget", "release", "remove"];
  const functions = (text: string) =>
    [...text.matchAll(/^(\w+)\(\) \{/gm)].map(([, name]) => name!);

  it.each([
    ["pull", ["pull", "forget"]],
    ["release", ["release", "remove"]],
  ] as const)("that of %s has its own actions, and all that they call", (command, own) => {
    const text = hostScript(command);
    const here = functions(text);
    expect(here.filter((name) => actions.includes(name)).sort()).toEqual([...own].sort());
    const code = text.replace(/(^|\s)# .*$/gm, "");
    const lacking = functions(hostScript()).filter(
      (name) => !here.includes(name) && !actions.includes(name),
    );
    expect(lacking.length).toBeGreaterThan(3);
    expect(lacking.filter((name) => new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
    execFileSync("sh", ["-n"], { input: text });
  });

  it("the whole of it is what both have", () => {
    const both = new Set([...functions(hostScript("pull")), ...functions(hostScript("release"))]);
    expect([...both].sort()).toEqual(functions(hostScript()).sort());
    expect(hostScript().length).toBeGreaterThan(hostScript("release").length);
  });
});

// What each function does on a host is for tests/engine/hostSafety.test.ts. This race needs many calls.
describe.each([
  ["/bin/dash", []],
  ["/bin/bash", ["--posix"]],
  ["/bin/busybox", ["sh"]],
])("time limits under %s", (shell, options) => {
  const script = hostScript().replace(/^main "\$@".*$/m, "");
  const run = (body: string) =>
    execFileSync(shell, [...options, "-s"], {
      input: `with_secrets() { "$@"; }\n${script}\ncheck() {\ntrap 'exit 130' INT TERM\n${body}\n}\ncheck </dev/null\n`,
      timeout: 50_000,
    }).toString();
  const present = existsSync(shell) ? it : it.skip;

  present(
    "never wait for the limit when a command ends early, however often and fast",
    () => {
      const calls = "bounded 40 true && start_timer 40 && stop_timer";
      const loop = `n=0; while [ $n -lt 300 ]; do ${calls} && n=$((n + 1)); done; echo $n`;
      expect(run(loop)).toBe("300\n");
    },
    60_000,
  );

  present(
    "end a command that takes longer, also one that ignores TERM, and keep other exit codes",
    () => {
      const codes = [
        "bounded 1 sleep 20",
        "bounded 1 sh -c 'trap \"\" TERM; while :; do sleep 1; done'",
        "bounded 5 sh -c 'exit 143'",
        "bounded 5 true",
      ];
      expect(run(codes.map((one) => `${one}; echo $?`).join("\n"))).toBe("124\n124\n143\n0\n");
    },
    60_000,
  );
});
