import { howToLogIn } from "../../components/registry/kinds";

// Which rules a repository's path has is in tests/components/badRegistries.test.ts.

describe("how to log in", () => {
  it.each([
    ["docker.io", "docker login", "personal access token that may read and write"],
    ["registry-1.docker.io", "docker login", "Docker ID"],
    ["ghcr.io", "docker login ghcr.io", "write:packages"],
    ["registry.gitlab.com", "docker login registry.gitlab.com", "write_registry"],
    ["quay.io", "docker login quay.io", "NAMESPACE+ROBOT"],
    [
      "public.ecr.aws",
      "aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin public.ecr.aws",
      "12 hours",
    ],
    [
      "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
      "aws ecr get-login-password | docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
      "12 hours",
    ],
    ["acme.jfrog.io", "docker login acme.jfrog.io", "identity or access token"],
    [
      "us-docker.pkg.dev",
      "gcloud auth print-access-token | docker login --username oauth2accesstoken --password-stdin us-docker.pkg.dev",
      "_json_key",
    ],
    ["acme.azurecr.io", "az acr login --name acme", "AcrPush"],
  ])("to %s", (host, command, user) => {
    const found = howToLogIn(host);
    expect(found.command).toBe(command);
    expect(found.user).toContain(user);
  });

  it.each(["localhost:5000", "harbor.example.com", "notghcr.io", "ghcr.io.example.com"])(
    "to %s, of which nothing is known",
    (host) => {
      expect(howToLogIn(host)).toEqual({ command: `docker login ${host}` });
    },
  );
});
