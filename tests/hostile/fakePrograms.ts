import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One call of a fake program: its words, what it read and its environment, each exactly as it arrived. */
export interface Call {
  readonly words: readonly string[];
  readonly stdin: string;
  readonly env: ReadonlyMap<string, string>;
}

/** The shells of this machine that a host may have as `sh`. */
export const shells: readonly (readonly string[])[] = [
  ["/bin/dash"],
  ["/bin/bash", "--posix"],
  ["/bin/busybox", "sh"],
].filter(([file]) => existsSync(file!));

/** A line of 100 kB that has no end. */
const longLine = `head -c 100000 /dev/zero | tr '\\0' x`;

/** An engine on which no container exists before `create`, and on which every container is healthy then. */
const docker = `
for last; do :; done
case "$1 $2 " in "$NOISY"*) ${longLine} >&2; [ "$NOISY_CODE" = 0 ] || { ${longLine}; exit "$NOISY_CODE"; } ;; esac
case "$1 $2 $4 " in
'create '*)
  name= lock=
  for word; do
    case $before$word in --name*) name=$word ;; --labelmultiarch.lock=*) lock=\${word#*=} ;; esac
    before=$word
  done
  echo "$lock" >"$CALLS/$name.made"
  echo "$name" ;;
'rm '*) rm "$CALLS/$last.made" ;;
'container inspect '*)
  [ -e "$CALLS/$last.made" ] || exit 1
  case $4 in *Restart*) echo running 0 0 ;; *Status*) echo running ;; *lock*) echo "$last $(cat "$CALLS/$last.made")" ;; *) echo "$last" ;; esac ;;
'image inspect {{.Id}} '*) exit 1 ;;
'image inspect '*) uname -m ;;
'rename '*) mv "$CALLS/$2.made" "$CALLS/$3.made" ;;
'wait '*) echo 0 ;;
esac
`;

const programs: Readonly<Record<string, string>> = {
  docker,
  "cloud-init": "",
  aws: `echo "value of $*"`,
  python3: "cat >/dev/null; echo value",
};

/**
 * Runs a script as a host or an instance does, with fake programs first on its PATH that record how they are called.
 *
 * @param noisy a command of the engine that prints a line of 100 kB, and its exit code
 */
export function runScript(
  folder: string,
  shell: readonly string[],
  script: string,
  words: string[],
  noisy: readonly [command: string, code: number] = ["none", 0],
) {
  const [bin, calls] = [join(folder, "bin"), join(folder, "calls")];
  rmSync(calls, { recursive: true, force: true });
  mkdirSync(calls, { recursive: true });
  if (!existsSync(bin)) {
    mkdirSync(bin);
    for (const [name, text] of Object.entries(programs)) {
      const record = `at=$CALLS/$(ls "$CALLS" | wc -l).$$
printf '%s\\0' ${name} "$@" >"$at.words"
env -0 >"$at.env"
case "$1" in create) cat >"$at.stdin" ;; esac`;
      writeFileSync(join(bin, name), `#!/bin/dash\n${record}\n${text}\n`, { mode: 0o755 });
    }
  }
  const [file, ...options] = shell;
  const ran = spawnSync(file!, [...options, "-s", "--", ...words], {
    input: script,
    env: {
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      CALLS: calls,
      HOME: folder,
      NOISY: noisy[0],
      NOISY_CODE: String(noisy[1]),
    },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status: ran.status, stderr: ran.stderr, calls: readCalls(calls) };
}

function readCalls(folder: string): Call[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".words"));
  files.sort((one, two) => parseInt(one) - parseInt(two));
  return files.map((file) => {
    const read = (kind: string) => {
      const path = join(folder, file.replace("words", kind));
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    };
    const listed = (kind: string) => read(kind).split("\0").slice(0, -1);
    const env = listed("env").map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    });
    return { words: listed("words"), stdin: read("stdin"), env: new Map(env) };
  });
}

/** Runs commands as a person does who pastes them, and gives the words that each program received. */
export function paste(folder: string, commands: readonly string[]): string[][] {
  // Functions in place of programs: one shell can run thousands.
  const fakes = ["ssh", "ssh-keyscan", "docker", "aws", "pulumi", "az", "gcloud"].map(
    // Bash allows a dash in the name of a function.
    (name) => `${name}() { printf '%s\\0' ${name} "$@" '<end>'; }`,
  );
  const input = [...fakes, ...commands.flatMap((command) => [command, ""])].join("\n");
  const ran = spawnSync("/bin/bash", ["-s"], {
    input,
    cwd: folder,
    env: { PATH: "/nowhere" },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (ran.stderr !== "") throw new Error(`a pasted command failed: ${ran.stderr.slice(0, 500)}`);
  return ran.stdout
    .split("\0<end>\0")
    .slice(0, -1)
    .map((text) => text.split("\0"));
}
