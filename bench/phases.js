// Loaded before the program that Pulumi runs (and before every other Node process, in which it does nothing): notes when what began.
/* global performance */
"use strict";

const fs = require("node:fs");
const Module = require("node:module");

const file = process.env.MULTIARCH_BENCH_PHASES;
if (file && process.argv[1]?.includes("cmd/run")) {
  /** @type {Record<string, number>} */
  const times = { started: Math.round(performance.timeOrigin), imports: 0 };
  const loader = /** @type {{ _load: (...args: unknown[]) => unknown }} */ (
    /** @type {unknown} */ (Module)
  );
  const load = loader._load;
  loader._load = function (...args) {
    const [request, parent] = /** @type {[string, { filename?: string } | undefined]} */ (args);
    const program = /\/project(\/index\.ts)?$/.test(request);
    const imported = parent?.filename?.endsWith("/project/index.ts");
    const began = Date.now();
    if (program) times.program ??= began;
    try {
      return load.apply(this, args);
    } finally {
      if (program) times.declared = Date.now();
      if (imported) times.imports += Date.now() - began;
    }
  };
  process.on("exit", () => {
    times.ended = Date.now();
    fs.writeFileSync(file, JSON.stringify(times));
  });
}
