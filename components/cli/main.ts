#!/usr/bin/env node
/** `npx multiarch …`: what the component knows, for a person at a terminal. Each command is a file of its own. */
import { parseArgs } from "node:util";
import { removeCreated } from "../builders/remove";
import { messageOf, printable } from "../errors";
import { masked } from "../registry/credentials";
import { doctor } from "./doctor";
import { inspectImage } from "./inspect";

const usage = `usage: npx multiarch COMMAND

  doctor [--builder NAME] [REGISTRY/REPOSITORY]
      what this machine, a buildx builder (without --builder: the one that a build without \`builder\` uses) and a
      repository can do, and how to mend what they can't.
      A repository gets a small untagged index pushed to it, which is the only sure way to know.
  inspect [--json] [--manifest] REFERENCE
      an image's platforms and sizes, and the code that each one's entrypoint really holds; --manifest reads no layers
  cleanup
      removes the builders and the registrations of QEMU that the component made on this machine

Credentials are those that \`docker login\` stored, or MULTIARCH_REGISTRY_USERNAME and MULTIARCH_REGISTRY_PASSWORD.
Exit code: 0, 1 where something is wrong, 2 where the command line is.
`;

const options = {
  builder: { type: "string" },
  json: { type: "boolean" },
  manifest: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** The options that each command takes, and how many words. */
const commands = {
  doctor: { takes: ["builder"], least: 0, most: 1 },
  inspect: { takes: ["json", "manifest"], least: 1, most: 1 },
  cleanup: { takes: [], least: 0, most: 0 },
} as const satisfies Record<string, { takes: readonly string[]; least: number; most: number }>;

/** Runs one command line. Gives the exit code. */
export async function run(args: readonly string[], print: (text: string) => void): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    print(`multiarch: ${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [name = "", ...words] = positionals;
  if (values.help) {
    print(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name)
    ? commands[name as keyof typeof commands]
    : undefined;
  const wrong =
    command === undefined
      ? name === ""
        ? "a command is missing"
        : `there is no command ${name}`
      : (Object.keys(values)
          .filter((key) => !(command.takes as readonly string[]).includes(key))
          .map((key) => `${name} has no option --${key}`)[0] ??
        (words.length < command.least ? `${name} needs a reference` : undefined) ??
        (words.length > command.most ? `${name} takes no ${words[command.most]}` : undefined));
  if (wrong !== undefined) {
    print(`multiarch: ${printable(wrong)}\n\n${usage}`);
    return 2;
  }
  const { MULTIARCH_REGISTRY_USERNAME: username, MULTIARCH_REGISTRY_PASSWORD: password } =
    process.env;
  delete process.env.MULTIARCH_REGISTRY_PASSWORD; // Commands get the logins that they need.
  const access = { username, password };
  const shown = (text: string) => print(masked(text, access));
  if (name === "doctor")
    return doctor({ builder: values.builder, repository: words[0] }, access, shown);
  if (name === "inspect") return inspectImage(words[0]!, { ...values }, access, shown);
  const { lines, left } = await removeCreated();
  print(lines.length === 0 ? "nothing was made here\n" : `${lines.map(printable).join("\n")}\n`);
  return left ? 1 : 0;
}

if (require.main === module) {
  const print = (text: string) => void process.stdout.write(text);
  void run(process.argv.slice(2), print)
    .catch((error: Error) => {
      print(`multiarch: ${messageOf(error)}\n`);
      return 1;
    })
    .then((code) => {
      process.exitCode = code;
    });
}
