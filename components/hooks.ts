import * as pulumi from "@pulumi/pulumi";

/**
 * A check that runs before a resource is made or changed, and never on an unchanged one: in `up`, and in previews unless told
 * otherwise. What it throws is the error that the user sees. Names are global to the program, and stand in the error.
 */
export function beforeChange(
  name: string,
  check: () => Promise<void>,
  onDryRun = true,
): pulumi.ResourceHookBinding {
  if (!hooksSupported()) return {};
  const hook = new pulumi.ResourceHook(name, check, { onDryRun });
  return { beforeCreate: [hook], beforeUpdate: [hook] };
}

/** Pulumi's mocks can't register hooks (and fail when asked to), so tests of users' programs would hang on them. */
export function hooksSupported(): boolean {
  const monitor = pulumi.runtime.getMonitor() as { registerResourceHook?: unknown } | undefined;
  return typeof monitor?.registerResourceHook === "function";
}
