/** @type {import("jest").Config} */
const common = {
  testEnvironment: "node",
  testEnvironmentOptions: { globalsCleanup: "off" },
  transform: {
    "^.+\\.[jt]s$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } } }],
  },
};

module.exports = {
  // Engine tests wait more than they compute: two at a time, on two cores too.
  maxWorkers: 2,
  // A busy host makes every test slower. Tests of limits have times of their own.
  testTimeout: 30_000,
  reporters: ["default", "<rootDir>/tests/countReporter.js"],
  projects: [
    {
      ...common,
      displayName: "unit",
      testMatch: ["<rootDir>/tests/unit/**/*.test.ts"],
      // Those of the embedded environment need Linux, as it does.
      testPathIgnorePatterns: process.platform === "linux" ? [] : ["/unit/local"],
    },
    {
      ...common,
      displayName: "components",
      testMatch: ["<rootDir>/tests/components/**/*.test.ts"],
    },
    { ...common, displayName: "fuzz", testMatch: ["<rootDir>/tests/fuzz/**/*.test.ts"] },
    { ...common, displayName: "hostile", testMatch: ["<rootDir>/tests/hostile/**/*.test.ts"] },
    {
      ...common,
      displayName: "engine",
      testMatch: ["<rootDir>/tests/engine/**/*.test.ts"],
      globalSetup: "<rootDir>/tests/engine/globalSetup.ts",
    },
    {
      ...common,
      displayName: "faults",
      testMatch: ["<rootDir>/tests/faults/**/*.test.ts"],
      globalSetup: "<rootDir>/tests/engine/globalSetup.ts",
    },
    {
      ...common,
      displayName: "changes",
      testMatch: ["<rootDir>/tests/changes/**/*.test.ts"],
      globalSetup: "<rootDir>/tests/engine/globalSetup.ts",
    },
  ],
};
