const { writeSync } = require("node:fs");

/** Prints the last line of a run, which CI reads: how many tests passed and failed over all suites. */
class CountReporter {
  /**
   * @param {unknown} _contexts
   * @param {import("@jest/reporters").AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    // A suite that could not even be loaded has run no test, and is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const tail = skipped > 0 ? `, ${skipped} skipped` : "";
    // Jest prints its own summary after the reporters; the count is to be the very last line.
    const line = `${results.numPassedTests} passed, ${failed} failed${tail}\n`;
    process.once("exit", () => writeSync(1, line));
  }
}

module.exports = CountReporter;
