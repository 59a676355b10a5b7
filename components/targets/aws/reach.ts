import { type Checker, isFields } from "../../check";
import { loadBalancerProblems } from "./loadBalancer";
import { cidrProblems } from "./network";

/** Checks who may reach `containerPort`: blocks of addresses, or a load balancer. `at` gives the path of a field. */
export function reachProblems(
  check: Checker,
  args: {
    containerPort?: unknown;
    ingressCidrs?: unknown;
    loadBalancer?: unknown;
    subnetIds?: unknown;
  },
  at: (field: string) => string,
): void {
  const { containerPort, ingressCidrs, loadBalancer } = args;
  const port = at("containerPort");
  if (check.plain(containerPort, port)) check.whole(containerPort, port, 1, 65_535, "a TCP port");
  cidrProblems(check, ingressCidrs, at("ingressCidrs"));
  loadBalancerProblems(check, loadBalancer, at("loadBalancer"));
  const own = isFields(loadBalancer) ? loadBalancer.subnetIds : undefined;
  if (loadBalancer !== undefined && own === undefined && Array.isArray(args.subnetIds)) {
    if (args.subnetIds.length < 2)
      check.add(
        at("subnetIds"),
        "is one, and a load balancer wants subnets of two availability zones",
        `name two, or give it its own: ${at("loadBalancer.subnetIds")}`,
      );
  }
  if (containerPort === undefined) {
    for (const field of ["ingressCidrs", "loadBalancer"] as const) {
      if (args[field] === undefined) continue;
      check.add(
        port,
        `is missing, but ${at(field)} is there`,
        "write the port that the app listens on",
      );
    }
  } else if (ingressCidrs === undefined && loadBalancer === undefined) {
    check.add(
      port,
      "is given, but nobody could reach it",
      `add ${at("ingressCidrs")}, for example ["203.0.113.0/24"], or ${at("loadBalancer")}, or leave the port out`,
    );
  } else if (ingressCidrs !== undefined && loadBalancer !== undefined) {
    check.add(
      at("ingressCidrs"),
      `is given next to ${at("loadBalancer")}, which alone reaches the app`,
      `move it to ${at("loadBalancer.ingressCidrs")}`,
    );
  }
}
