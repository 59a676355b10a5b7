import { join } from "node:path";
import { lockEnvironment } from "./environment";
import { must } from "./exec";
import type { Log } from "./log";
import { ensurePythonTools } from "./pythonTools";
import { ensureTool, tools } from "./tools";

/** What runs programs in other languages, and makes the package's SDKs for them. */
export interface Languages {
  /** The folder of Pulumi's language host for YAML, for PATH. */
  readonly yamlHost: string;
  /** A Python that has Pulumi's SDK. */
  readonly python: string;
  /** Writes the SDK for a language into a folder, from the file of a schema. */
  generate(language: "python" | "go", schema: string, folder: string): Promise<void>;
}

/** Gets what tests of other languages need. An official CLI brings the language hosts along; the programs of Go and Python don't run here. */
export async function ensureLanguages(log: Log): Promise<Languages> {
  const release = await lockEnvironment(log);
  try {
    const yaml = await ensureTool(tools.yaml, log);
    const { sdkgen } = await ensureTool(tools.sdkgen, log);
    const title = "Pulumi's SDK for Python";
    const bin = await ensurePythonTools(
      { folder: "python", title, name: "python", takes: "20 s" },
      log,
    );
    return {
      yamlHost: join(yaml["pulumi-language-yaml"] as string, ".."),
      python: join(bin, "python"),
      async generate(language, schema, folder) {
        await must(sdkgen as string, [language, schema, folder]);
      },
    };
  } finally {
    await release();
  }
}
