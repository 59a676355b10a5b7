import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeProblems } from "../../components/errors";
import { hostProblems } from "../../components/targets/host/hostProblems";
import { refusalScript } from "../../components/targets/host/hostSettings";
import { refusalCommands } from "../../components/targets/ec2/ec2Release";
import { runScript, shells } from "./fakePrograms";
import { fieldsOf, withField } from "./fields";
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
