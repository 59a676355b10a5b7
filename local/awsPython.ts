import { join } from "node:path";
import type { Log } from "./log";
import { ensurePythonTools } from "./pythonTools";

/** Gets a Python that has the AWS emulators. */
export async function ensureAwsPython(log: Log): Promise<string> {
  const tools = { folder: "aws", title: "the AWS emulators", name: "aws-emulators", takes: "30 s" };
  return join(await ensurePythonTools(tools, log), "python");
}
