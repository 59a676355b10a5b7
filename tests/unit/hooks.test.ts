import * as pulumi from "@pulumi/pulumi";
import { settled, withoutMarks } from "../../components/hooks";

const { specialSigKey, specialSecretSig } = pulumi.runtime;
const marked = (value: unknown) => ({ [specialSigKey]: specialSecretSig, value });

/** What the SDK makes of a connection to which the official command provider's Check gave secrets within a secret. */
const connection = pulumi.secret(
  marked({ host: "192.0.2.1", privateKey: marked("key"), proxy: marked({ list: [marked(1)] }) }),
);
const args = { urn: "urn", id: "", name: "web", type: "t" };

it("a hook's arguments have no mark of a secret at any depth, in old and new inputs and outputs", async () => {
  const plain = {
    host: "192.0.2.1",
    privateKey: "key",
    proxy: { list: [1] },
  };
  const cleaned = withoutMarks({
    ...args,
    newInputs: { connection, nested: { connection } },
    oldInputs: { connection },
    newOutputs: { connection },
    oldOutputs: { connection },
  });
  const { newInputs, oldInputs, newOutputs, oldOutputs, ...rest } = cleaned;
  expect(rest).toEqual(args);
  for (const values of [newInputs, oldInputs, newOutputs, oldOutputs])
    expect(await settled(pulumi.output(values!.connection as object))).toEqual(plain);
  expect(await settled(pulumi.output(newInputs!.nested as object))).toEqual({ connection: plain });
  expect(await pulumi.isSecret(oldInputs!.connection as pulumi.Output<unknown>)).toBe(true);
});

it("a hook's arguments keep what isn't a secret: unknown values, assets, null and missing values", () => {
  const asset = new pulumi.asset.StringAsset("text");
  const newInputs = { unknown: pulumi.unknown, asset, list: [asset, null], none: null };
  const cleaned = withoutMarks({ ...args, newInputs });
  expect(cleaned).toEqual({ ...args, newInputs });
  expect(cleaned.newInputs!.asset).toBe(asset);
  expect(cleaned.newInputs!.unknown).toBe(pulumi.unknown);
});
