import * as pulumi from "@pulumi/pulumi";

/** What marks an input as secret, beside its `value`. */
export const secretMark = { [pulumi.runtime.specialSigKey]: pulumi.runtime.specialSecretSig };

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/**
 * Runs a program against Pulumi's mocks and returns what it registered. This proves inputs; what a provider makes of
 * them, the tests in tests/engine show.
 */
export async function register(
  program: () => unknown,
  outputs: (resource: Registered) => Record<string, unknown> = () => ({}),
  answer: (call: pulumi.runtime.MockCallArgs) => Record<string, unknown> = ({ inputs }) =>
    inputs as Record<string, unknown>,
): Promise<Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const resource = { type, name, inputs: inputs as Record<string, unknown> };
        registered.push(resource);
        return { id: `${name}-id`, state: { ...inputs, ...outputs(resource) } as object };
      },
      call: answer,
    },
    "project",
    "stack",
    false,
  );
  await pulumi.runtime.runInPulumiStack(async () => {
    await program();
    return {};
  });
  // Registrations go on after the program returned.
  await pulumi.runtime.disconnect();
  return registered.filter(({ type }) => type !== "pulumi:pulumi:Stack");
}

/** The value of an output. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply((value) => resolve(value as T)));
}

/** What the gate of a finished image prints where the registry holds `repository@digest` for every platform that is asked for. */
export function verified({ inputs }: Registered, repository: string, digest: string) {
  const environment = inputs.environment as Record<string, unknown>;
  const { MULTIARCH_VERIFY: settings } = (environment.value ?? environment) as Record<
    string,
    string
  >;
  const { platforms } = JSON.parse(settings!) as { platforms: string[] };
  const images = platforms.map((platform) => ({ platform, digest, size: 1 }));
  return { stdout: JSON.stringify({ reference: `${repository}@${digest}`, images }) };
}
