import { execFileSync } from "node:child_process";
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
