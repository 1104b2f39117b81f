import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { describe, test } from "node:test";
import { GRACE_MS } from "../../packages/service/src/run.ts";
import { type Manifest, render, renderer, renderWith } from "./rendered.ts";
import { violations } from "./schemas.ts";

interface Container {
  name: string;
  image: string;
  startupProbe?: unknown;
  livenessProbe?: unknown;
  readinessProbe?: unknown;
  lifecycle?: { preStop?: { exec?: { command: string[] } } };
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  securityContext?: Record<string, unknown>;
}
interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  automountServiceAccountToken?: boolean;
  serviceAccountName?: string;
  hostNetwork?: boolean;
  hostPID?: boolean;
  terminationGracePeriodSeconds: number;
  securityContext?: { seccompProfile?: { type: string }; runAsNonRoot?: boolean; runAsUser?: number };
  topologySpreadConstraints?: unknown[];
  volumes?: Record<string, unknown>[];
}
interface Workload extends Manifest {
  spec: {
    replicas?: number;
    template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    strategy?: { rollingUpdate?: { maxUnavailable: unknown } };
  };
}
interface Peer {
  ipBlock?: { cidr: string; except?: string[] };
}
interface Policy extends Manifest {
  spec: {
    podSelector: object;
    policyTypes: string[];
    egress?: { to?: Peer[]; ports?: { port: number }[] }[];
    ingress?: { from?: object[]; ports?: { port: unknown }[] }[];
  };
}

const find = (manifests: Manifest[], kind: string, name?: string): Manifest => {
  const found = manifests.find((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  assert.ok(found, `${kind} ${name ?? ""}`);
  return found;
};

// What renders comes with every cluster's tools; machines that build Postern and never deploy it may lack it.
const skip = renderer || process.env.CI ? false : "neither kustomize nor kubectl with kustomize 3.7 or newer is here";

/** Addresses of metadata services, of clusters and of private networks. */
const forbidden = [
  "169.254.169.254",
  "10.0.0.1",
  "10.96.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.100.100.200",
  "100.64.0.1",
  "127.0.0.1",
  "fd00:ec2::254",
  "fe80::1",
  "::1",
  "::ffff:169.254.169.254",
];

const sources: Record<string, () => Manifest[]> = {
  "overlay small": () => render("small"),
  "overlay production": () => render("production"),
  "the base with the Gateway API": () => renderWith("gateway-api"),
};

for (const [what, read] of Object.entries(sources)) {
  describe(`kubernetes, ${what}`, { skip }, () => {
    const manifests = skip === false ? read() : [];
    const workloads = manifests.filter(({ kind }) => ["Deployment", "StatefulSet"].includes(kind)) as Workload[];
    const pods = workloads.map(({ metadata, spec }) => ({ name: metadata.name, spec: spec.template.spec }));
    const containers = pods.flatMap(({ name, spec }) =>
      [...spec.containers, ...(spec.initContainers ?? [])].map((each) => ({ ...each, name: `${name}/${each.name}` })),
    );

    test("every manifest is as Kubernetes' schemas want it, and in the namespace", () => {
      assert.ok(manifests.length > 10);
      for (const manifest of manifests) {
        const name = `${manifest.kind} ${manifest.metadata.name}`;
        assert.deepEqual(violations(manifest), [], name);
        assert.equal(manifest.metadata.namespace, "postern", name);
      }
    });

    test("nothing runs as root, writes to its root, gains or has privileges", () => {
      for (const { name, spec } of pods) {
        assert.equal(spec.securityContext?.runAsNonRoot, true, name);
        assert.ok((spec.securityContext?.runAsUser ?? 0) > 0, name);
        assert.equal(spec.securityContext?.seccompProfile?.type, "RuntimeDefault", name);
        assert.ok(!spec.hostNetwork && !spec.hostPID, name);
        assert.ok(!(spec.volumes ?? []).some((volume) => "hostPath" in volume), name);
      }
      for (const { name, securityContext } of containers) {
        assert.deepEqual(
          securityContext,
          {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            capabilities: { drop: ["ALL"] },
          },
          name,
        );
      }
    });

    test("nothing has a token for the cluster's API", () => {
      for (const { name, spec } of pods) {
        assert.equal(spec.automountServiceAccountToken, false, name);
        assert.equal(spec.serviceAccountName, "postern", name);
      }
      assert.equal(find(manifests, "ServiceAccount").automountServiceAccountToken, false);
      assert.ok(!manifests.some(({ kind }) => /Role/.test(kind)));
    });

    test("every container has requests, limits and the three probes", () => {
      for (const { name, resources, ...probes } of containers) {
        assert.ok(resources?.requests?.cpu && resources.requests.memory && resources.limits?.memory, name);
        assert.ok(probes.startupProbe && probes.livenessProbe && probes.readinessProbe, name);
      }
    });

    test("every image has a version, and none is the latest", () => {
      for (const { name, image } of containers) assert.match(image, /:v?\d+\.\d+\.\d+$|@sha256:[0-9a-f]{64}$/, name);
    });

    test("the grace outlasts what comes before draining and draining itself", () => {
      for (const { metadata, spec } of workloads.filter(({ metadata: { name } }) => /gateway|worker/.test(name))) {
        const { terminationGracePeriodSeconds, containers: own } = spec.template.spec;
        const command = own[0]?.lifecycle?.preStop?.exec?.command.join(" ") ?? "";
        const waitMs = Number(/([\d_]+)\)/.exec(command)?.[1]?.replaceAll("_", ""));
        assert.ok(waitMs > 0, metadata.name);
        assert.ok(terminationGracePeriodSeconds * 1_000 >= waitMs + GRACE_MS + 5_000, metadata.name);
      }
    });

    test("gateways and workers are spread, replaced without a gap, and drained one at a time", () => {
      for (const name of ["postern-gateway", "postern-worker"]) {
        const workload = workloads.find(({ metadata }) => metadata.name === name);
        assert.ok((workload?.spec.template.spec.topologySpreadConstraints ?? []).length > 0, name);
        assert.equal(workload?.spec.strategy?.rollingUpdate?.maxUnavailable, 0, name);
        const { maxUnavailable } = find(manifests, "PodDisruptionBudget", name).spec as { maxUnavailable?: number };
        assert.equal(maxUnavailable, 1, name);
      }
    });

    test("nothing goes out but to what is named, and never to metadata, cluster or private addresses", () => {
      const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy") as Policy[];
      const everything = policies.find(({ metadata }) => metadata.name === "postern-default-deny");
      assert.deepEqual(everything?.spec.policyTypes, ["Ingress", "Egress"]);
      assert.deepEqual([everything?.spec.egress, everything?.spec.ingress], [undefined, undefined]);
      for (const { metadata, spec } of policies)
        for (const { to, ports } of spec.egress ?? []) {
          assert.ok(to && to.length > 0 && ports && ports.length > 0, metadata.name);
          for (const { ipBlock } of to) {
            if (!ipBlock) continue;
            for (const address of forbidden)
              assert.equal(allows(ipBlock, address), false, `${metadata.name} ${address}`);
            assert.ok(
              ports.every(({ port }) => [80, 143, 443, 993].includes(port)),
              metadata.name,
            );
          }
        }
    });

    test("a worker is spoken to by gateways and Prometheus alone", () => {
      const policies = manifests.filter(
        ({ kind, metadata }) => kind === "NetworkPolicy" && /worker/.test(metadata.name),
      );
      for (const { spec } of policies as Policy[])
        for (const { from } of spec.ingress ?? []) {
          assert.match(JSON.stringify(from), /"app.kubernetes.io\/component":"gateway"/);
          assert.equal(from?.length, 1);
        }
    });

    test("secrets come from Secrets, as files", () => {
      for (const { kind, data } of manifests) {
        assert.notEqual(kind, "Secret", "none is in the repository");
        if (kind === "ConfigMap") assert.doesNotMatch(JSON.stringify(data), /ADMIN_TOKEN|SECRET|REDIS_URL|PASSWORD/);
      }
      for (const { spec } of pods) assert.doesNotMatch(JSON.stringify(spec), /secretKeyRef/);
    });
  });
}

test("a misspelt member is found, and so is a wrong value", { skip }, () => {
  const read = (): Workload => find(render("small"), "Deployment") as Workload;
  const misspelt = read();
  Object.assign(misspelt.spec.template.spec.containers[0] ?? {}, { readynessProbe: {} });
  assert.deepEqual(violations(misspelt), ["readynessProbe is in no schema"]);
  const wrong = read();
  Object.assign(wrong.spec, { replicas: "two" });
  assert.match(violations(wrong).join(), /replicas/);
});

test("streams outlive the time-outs of load balancers, as an ingress and as a route", { skip }, () => {
  const { metadata } = find(render("production"), "Ingress");
  const { annotations } = metadata as unknown as { annotations: Record<string, string> };
  assert.ok(Number(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= 3_600);
  const { rules } = find(renderWith("gateway-api"), "HTTPRoute").spec as {
    rules: { matches: { path: { value: string } }[]; timeouts: { request: string } }[];
  };
  const streams = rules.filter(({ timeouts }) => timeouts.request === "0s").flatMap(({ matches }) => matches);
  assert.deepEqual(
    streams.map(({ path }) => path.value),
    ["/v1/events", "/v1/accounts/[^/]+/events", "/graphql"],
  );
});

test("the autoscaler counts requests in flight, and nobody else says how many gateways there are", { skip }, () => {
  const manifests = render("production");
  const scaler = find(manifests, "HorizontalPodAutoscaler");
  assert.match(JSON.stringify(scaler.spec), /"postern_http_in_flight"/);
  const gateway = find(manifests, "Deployment", "postern-gateway");
  assert.equal((gateway as Workload).spec.replicas, undefined);
});

function allows({ cidr, except = [] }: { cidr: string; except?: string[] }, address: string): boolean {
  return isIn([cidr], address) && !isIn(except, address);
}

function isIn(ranges: string[], address: string): boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", bits] = range.split("/");
    list.addSubnet(network, Number(bits), network.includes(":") ? "ipv6" : "ipv4");
  }
  return list.check(address, address.includes(":") ? "ipv6" : "ipv4");
}
