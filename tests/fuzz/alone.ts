import { createRequire } from "node:module";
import { join } from "node:path";

const load = createRequire(__filename);
const compiled = join(__dirname, "../../dist/components");

/** The component as it is published. */
export const component = (): typeof import("../../components") =>
  load(compiled) as typeof import("../../components");

/**
 * Cuts the component off from everything outside this process: no registry answers, no command is found, and archives are neither
 * read nor written. What lies behind these is not under test here.
 */
export function alone(): void {
  process.env.PATH = "/nowhere";
  process.env.DOCKER_CONFIG = "/nowhere";
  delete process.env.SSH_AUTH_SOCK;
  const replace = (module: string, stubs: object) => {
    const file = load.resolve(join(compiled, module));
    const real = load(file) as object;
    load.cache[file]!.exports = { ...real, ...stubs };
  };
  replace("registry/client", { exists: () => Promise.resolve("there") });
  replace("outputs/archive", {
    archived: () => Promise.resolve(undefined),
    idsOf: () => Promise.resolve([]),
    writeArchive: (_: unknown, to: NodeJS.WritableStream) =>
      new Promise<void>((resolve) => void to.end(() => resolve())),
  });
}
