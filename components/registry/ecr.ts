/** Where an address lies in ECR, by the address alone. */
export interface EcrAddress {
  /** The account, 12 digits. */
  readonly registryId: string;
  readonly region: string;
  /** `aws`, `aws-cn`: what an ARN begins with. */
  readonly partition: string;
  /** What follows the host, without tag and digest; empty for a host alone. */
  readonly repository: string;
}

// Over IPv4, over both (`dkr-ecr.REGION.on.aws`), and each of them with FIPS:
// https://docs.aws.amazon.com/general/latest/gr/ecr.html, https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
const pattern =
  /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:on\.aws|(?:amazonaws|on\.amazonwebservices)\.(com|com\.cn|eu))(?:\/([^@:]*)|$)/;

/** Reads the host of an ECR registry, or a reference to an image there; undefined for what lies elsewhere. */
export function ecrAddress(text: string): EcrAddress | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, registryId = "", region = "", ends = "", repository = ""] = found;
  return { registryId, region, partition: partitionOf(region, ends), repository };
}

function partitionOf(region: string, ends: string): string {
  if (ends === "com.cn") return "aws-cn";
  if (ends === "eu") return "aws-eusc";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
