import { familyArchitecture, familyOf, isMac } from "../../components/targets/ec2/instanceTypes";

// Names whose letters say something else than their architecture, as DescribeInstanceTypes lists it.
it.each([
  ["t3.small", "x86_64"],
  ["t4g.small", "arm64"],
  ["a1.medium", "arm64"],
  ["g5.xlarge", "x86_64"],
  ["g5g.xlarge", "arm64"],
  ["g6e.xlarge", "x86_64"],
  ["x2gd.metal", "arm64"],
  ["x2idn.metal", "x86_64"],
  ["im4gn.large", "arm64"],
  ["is4gen.large", "arm64"],
  ["i4i.large", "x86_64"],
  ["i4g.large", "arm64"],
  ["c7gn.16xlarge", "arm64"],
  ["hpc7a.96xlarge", "x86_64"],
  ["hpc7g.16xlarge", "arm64"],
  ["m7i-flex.large", "x86_64"],
  ["p6-b200.48xlarge", "x86_64"],
  ["p6e-gb200.36xlarge", "arm64"],
  ["u7i-12tb.224xlarge", "x86_64"],
  ["u-6tb1.112xlarge", "x86_64"],
  ["r8gd.metal-24xl", "arm64"],
  ["x9z.large", undefined],
  ["t3", undefined],
  ["", undefined],
])("%s is %s", (type, architecture) => {
  expect(familyArchitecture(type)).toBe(architecture);
});

it.each(["t3", "t3.", ".small", "T3.small", "t3 .small", "t3.small.x"])("%j is no type", (text) => {
  expect(familyOf(text)).toBeUndefined();
});

it("Apple's machines are told apart", () => {
  expect(["mac1.metal", "mac2-m2.metal", "mac-m4.metal"].every(isMac)).toBe(true);
  expect(["m7a.large", "m1.small"].some(isMac)).toBe(false);
});
