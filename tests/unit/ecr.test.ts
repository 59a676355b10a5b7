import { ecrAddress } from "../../components/registry/ecr";
import { repositoryArnIn } from "../../components/registry/ecrAccess";

const digest = `@sha256:${"a".repeat(64)}`;

it.each([
  ["dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", "aws"],
  ["dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "aws"],
  ["dkr-ecr.eu-west-1.on.aws", "eu-west-1", "aws"],
  ["dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", "aws-us-gov"],
  ["dkr.ecr.us-gov-east-1.amazonaws.com", "us-gov-east-1", "aws-us-gov"],
  ["dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"],
  ["dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", "aws-cn"],
  ["dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"],
])("%s is ECR in %s of %s", (host, region, partition) => {
  const registryId = "123456789012";
  const address = { registryId, region, partition };
  expect(ecrAddress(`${registryId}.${host}`)).toEqual({ ...address, repository: "" });
  expect(ecrAddress(`${registryId}.${host}/team/web${digest}`)).toEqual({
    ...address,
    repository: "team/web",
  });
  expect(repositoryArnIn(`${registryId}.${host}/team/web:1${digest}`)).toBe(
    `arn:${partition}:ecr:${region}:${registryId}:repository/team/web`,
  );
});

it.each([
  "public.ecr.aws/team/web",
  "12345.dkr.ecr.eu-west-1.amazonaws.com/web",
  "ghcr.io/123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
  "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil:5000/web",
  "123456789012.dkr.ecr.eu-west-1.amazonaws.example.com/web",
  "123456789012.dkr.ecr.example.com/web",
  "team/web",
])("%s isn't", (text) => {
  expect(ecrAddress(text)).toBeUndefined();
  expect(repositoryArnIn(text)).toBeUndefined();
});
