import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describeProblems } from "../../components/errors";
import { checkedLate } from "../../components/late";
import { hostProblems } from "../../components/targets/host/hostProblems";
import { refusalScript } from "../../components/targets/host/hostSettings";
import { refusalCommands } from "../../components/targets/ec2/ec2Release";
import { runScript, shells } from "./fakePrograms";
import { accepted, fieldsOf, lateFields, promisesIn, withField } from "./fields";
import { hostileValues } from "./hostileValues";

// Hostile values in every field that an output can fill: each one is accepted, or rejected with the path of its field. That accepted ones
// arrive verbatim is for sinks.test.ts.

const seed = Number(process.env.MULTIARCH_HOSTILE_SEED || 20261128);
const folder = mkdtempSync(join(tmpdir(), "mh-"));
const canary = join(folder, "canary");
const values = hostileValues(canary, 500, seed);

afterEach(() => expect(existsSync(canary)).toBe(false));
afterAll(() => rmSync(folder, { recursive: true }));

/** A path in the one of its two spellings. */
const spelt = (path: string) => path.replace(/\["(.*?)"\]/g, ".$1");

describe(`of ${values.length} values (MULTIARCH_HOSTILE_SEED=${seed})`, () => {
  it.each([
    ["host", "HostTarget"],
    ["ec2", "Ec2Target"],
    ["ecs", "EcsTarget"],
    ["lambda", "LambdaTarget"],
    ["image", "Image"],
    ["repository", "Repository"],
  ])("every field of %s that can be an output is among those tested here", (target, component) => {
    const names = fieldsOf[target]!.fields.map((field) =>
      field.replace(/\[.*?\]|\.(one|V|VALUE|A|S|team|db)(?=\.|$)/g, ""),
    );
    // An image's outputs are the references that the image verified itself.
    const missing = lateFields(component).filter(
      (field) => !names.includes(field) && !field.startsWith("image.images."),
    );
    expect(missing).toEqual([]);
  });

  it.each(Object.keys(fieldsOf))(
    "each one in each field of %s is accepted, or rejected with the path of that field in one visible line",
    (target) => {
      const { problems, fields, base } = fieldsOf[target]!;
      for (const field of fields) {
        const rejected = values.flatMap((value) => {
          const found = problems(withField(base(field), field, value));
          // A problem with a list or a map names that: `command` for a word of it.
          const others = found.filter(({ path }) => !spelt(field).startsWith(spelt(path)));
          expect({ field, value, others }).toEqual({ field, value, others: [] });
          return found.length > 0 ? [describeProblems("web", found)] : [];
        });
        for (const text of rejected)
          // eslint-disable-next-line no-control-regex
          for (const line of text.split("\n")) expect(line).toMatch(/^web: [^\u0000-\u001f]+$/);
      }
    },
  );

  it.each(Object.keys(fieldsOf))(
    "one that is late and that a field of %s rejects ends the program with a line that names the field, and no stack",
    async (target) => {
      await pulumi.runtime.setMocks({
        newResource: () => ({ id: "", state: {} }),
        call: () => ({}),
      });
      const { problems, fields, base } = fieldsOf[target]!;
      for (const field of fields)
        for (const value of values.filter((_, nth) => nth % 50 === 0)) {
          const found = problems(withField(base(field), field, value));
          const later = withField(base(field), field, Promise.resolve(value));
          const checked = promisesIn(checkedLate("web", later, problems));
          const [ended] = await Promise.allSettled(checked);
          expect(checked).toHaveLength(1);
          if (found.length === 0) expect(ended).toEqual({ status: "fulfilled", value });
          else {
            const { message, stack } = (ended as PromiseRejectedResult).reason as Error;
            expect(pulumi.RunError.isInstance((ended as PromiseRejectedResult).reason)).toBe(true);
            expect([message, stack]).toEqual([describeProblems("web", found), message]);
          }
        }
    },
  );

  it.each([
    ["host", ["ssh.hosts.one.address", "ssh.bastion.address", "ssh.user", "ssh.bastion.user"]],
    ["ecs", ["clusterArn"]],
    ["image", ["registry.address", "ref"]],
  ])("no word of a command that people copy for %s can start with a dash", (target, fields) => {
    for (const field of fields)
      expect(
        values.filter((value) => value.startsWith("-") && accepted(target, field, value)),
      ).toEqual([]);
  });

  it("each one that a script would contain is instead printed by a script that contains the message alone", () => {
    const fields = ["memory", "cpus", "restart", "stopTimeout", "user", "network", "strategy"];
    const scripts = values.flatMap((value) => {
      const args = Object.fromEntries(fields.map((field) => [field, value]));
      const text = describeProblems("web", hostProblems(args, "host"));
      return [
        [refusalScript(text), text],
        [refusalCommands(text), text],
      ];
    });
    for (const [script] of scripts)
      expect(script).toMatch(/^printf '%s\\n' '(?:[^']|'\\''|'')*' >&2\nexit 1\n$/);
    for (const shell of shells) {
      const batch = scripts.map(([script]) => `(\n${script})\necho "<end $?>" >&2\n`).join("");
      const { stderr, calls } = runScript(folder, shell, batch, []);
      expect(stderr.split("\n<end 1>\n").slice(0, -1)).toEqual(scripts.map(([, text]) => text));
      expect(calls).toEqual([]);
    }
  });
});
