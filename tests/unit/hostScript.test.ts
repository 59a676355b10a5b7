import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
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

// What the script does on a host is for tests/engine/hostSafety.test.ts. These cases need many calls, or an engine that fails.
const shells: [string, string[]][] = [
  ["/bin/dash", []],
  ["/bin/bash", ["--posix"]],
  ["/bin/busybox", ["sh"]],
];
const script = hostScript().replace(/^main "\$@".*$/m, "");
const whole = (body: string) =>
  `with_secrets() { "$@"; }\n${script}\ncheck() {\ntrap 'exit 130' INT TERM\n${body}\n}\ncheck </dev/null\n`;

it("calls end a command that takes longer, also one that ignores TERM, and keep other exit codes, under every shell", async () => {
  const codes = [
    "bounded 1 sleep 20",
    "bounded 1 sh -c 'trap \"\" TERM; while :; do sleep 1; done'",
    "bounded 5 sh -c 'exit 143'",
    "bounded 5 true",
  ];
  const body = codes.map((one) => `${one}; echo $?`).join("\n");
  const found = shells.filter(([shell]) => existsSync(shell));
  // They wait for seconds, so all shells run at the same time.
  const printed = found.map(async ([shell, options]) => {
    const ran = promisify(execFile)(shell, [...options, "-s"], { timeout: 50_000 });
    ran.child.stdin!.end(whole(body));
    return [shell, (await ran).stdout];
  });
  expect(await Promise.all(printed)).toEqual(found.map(([shell]) => [shell, "124\n124\n143\n0\n"]));
}, 60_000);

describe.each(shells)("the functions under %s", (shell, options) => {
  const run = (body: string) =>
    execFileSync(shell, [...options, "-s"], { input: whole(body), timeout: 50_000 }).toString();
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

  const settings = "app=a resource=r lock_timeout=1 pull_timeout=1";

  present("an engine call's output is kept up to 20 KB, and its exit code in full", () => {
    const flood = "docker() { head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end; return 3; }";
    const call = 'within 20 exec a; echo $?; echo ${#said}; printf %s "$said" | tail -c 3';
    const [code, length, end] = run(`${flood}\n${call}`).split("\n");
    expect([code, end]).toEqual(["3", "end"]);
    expect(Number(length)).toBeLessThanOrEqual(20_000);
  });

  present("the colors of the Pulumi CLI are escaped", () => {
    expect(run("say '<{%fg 1%}>red' 2>&1")).toBe("<?%fg 1%}>red\n");
  });

  present(
    "an abandoned lock that can't be removed ends the wait with an error",
    () => {
      const dead = String(execFileSync("sh", ["-c", "echo $$"])).trim();
      const label = `${dead} 0 $(date +%s) - $(uname -n)/$(readlink /proc/self/ns/pid 2>/dev/null)`;
      const docker = `docker() { case $1 in container) echo "id ${label}" ;; *) return 1 ;; esac; }`;
      expect(run(`${settings}\n${docker}\n(take_lock image) 2>&1; echo $?`)).toMatch(
        /another release of a has been running on this host for 1 s[^]*\n1\n$/,
      );
    },
    60_000,
  );

  present("a lock that the engine created after the time limit is this run's own", () => {
    const file = join(mkdtempSync(join(tmpdir(), "multiarch-test-")), "label");
    const docker = `docker() { case $1 in
      create) shift 6; printf '%s\\n' "\${1#*=}" >${file}; return 1 ;;
      container) printf 'id %s\\n' "$(cat ${file})" ;;
      esac; }`;
    const removed = `find_lock && echo "\${held%% *}"`;
    expect(run(`${settings}\n${docker}\n(take_lock image && ${removed}) 2>&1; echo $?`)).toBe(
      "id\n0\n",
    );
    rmSync(dirname(file), { recursive: true });
  });

  present(
    "a rename adopts by label, and leaves copies that a person made with docker commit",
    () => {
      const file = join(mkdtempSync(join(tmpdir(), "multiarch-test-")), "shown");
      const containers = {
        one: "/was running hash",
        two: "/was-previous exited hash",
        three: "/was-candidate running ",
        four: "/a-next running hash",
        copy: "/was-copy running hash",
      };
      const shown = Object.entries(containers).map(([id, text]) => `${id}) echo "${text}" ;;`);
      const docker = `docker() { case "$1 $2" in
      "ps "*) echo ${Object.keys(containers).join(" ")} ;;
      "container "*)
        [ "$4$5" != '{{.Id}}a-next' ] || { echo four && return; }
        case $5 in ${shown.join(" ")} *) return 1 ;; esac >${file}
        case $4 in '{{.Image}}') echo "image of $5" ;; *) cat ;; esac <${file} ;;
      "image inspect") [ "$5" != "image of copy" ] || echo r ;;
      "rename "*) echo "$*" >>${file}.calls ;;
      esac; }
      discard() { echo "discard $1" >>${file}.calls; }`;
      expect(run(`${settings}\n${docker}\nadopt 2>>${file}.calls\ncat ${file}.calls`)).toBe(
        [
          "renaming container was to a",
          "rename one a",
          "renaming container was-previous to a-previous",
          "rename two a-previous",
          "discard three",
          "",
        ].join("\n"),
      );
      rmSync(dirname(file), { recursive: true });
    },
  );
});
