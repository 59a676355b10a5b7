import { type Created, forget, remembered } from "./created";
import { docker, run } from "../command";
import { emulatorImage } from "./emulators";
import { inspectBuilder } from "./facts";

/** An engine may have to stop a container first. Milliseconds. */
const limit = 60_000;

/**
 * Removes the builders and the registrations of QEMU that preflights made and recorded on this machine, and nothing else. Gives
 * a line for each, and the reason where something stays; it is tried again by the next call. No lines where nothing was made.
 */
export async function removeCreated(): Promise<{
  readonly lines: readonly string[];
  /** Something stays that was made here. */
  readonly left: boolean;
}> {
  const lines: string[] = [];
  for (const one of remembered())
    lines.push(await (one.kind === "builder" ? removeBuilder(one) : removeEmulator(one)));
  return { lines, left: remembered().length > 0 };
}

async function removeBuilder(one: Created & { kind: "builder" }): Promise<string> {
  const facts = await inspectBuilder(one.name);
  if (facts.state === "missing") {
    forget(one);
    return `builder "${one.name}" is gone already`;
  }
  if (facts.state === "unknown") return `builder "${one.name}" stays: ${facts.detail}`;
  if (facts.driver !== one.driver || String(facts.endpoints) !== String(one.endpoints)) {
    forget(one);
    return `builder "${one.name}" stays: it was made anew or changed by somebody else`;
  }
  const removed = await docker(["buildx", "rm", "--timeout", "5s", one.name], limit);
  if (!removed.ok) return `builder "${one.name}" stays: ${removed.detail}`;
  forget(one);
  return `removed builder "${one.name}"`;
}

async function removeEmulator(one: Created & { kind: "emulator" }): Promise<string> {
  const uninstall = ["run", "--privileged", "--rm", emulatorImage, "--uninstall", one.name];
  const removed = one.engine
    ? await docker([...one.engine, ...uninstall], limit)
    : await run("update-binfmts", ["--disable", one.name], limit);
  if (!removed.ok) return `${one.name} stays registered: ${removed.detail}`;
  forget(one);
  return `unregistered ${one.name}`;
}
