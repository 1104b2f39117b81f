import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import { isFailure } from "@postern/protocol";
import fc from "fast-check";
import { type Resolve, vetHost } from "./vet-host.ts";

/** A resolver that knows these names, and takes what some resolvers take for addresses as such. */
function knowing(names: Record<string, string[]>): Resolve {
  return async (name) => {
    const found = names[name];
    if (!found) throw new Error(`ENOTFOUND ${name}`);
    return found;
  };
}

const publicly: Resolve = async () => ["93.184.215.14"];
const nothingAllowed = { allowed: [], resolve: publicly };

async function refused(host: string, resolve: Resolve, allowed: string[] = [], port = 143): Promise<void> {
  await assert.rejects(
    vetHost(host, port, { allowed, resolve }),
    (error) => isFailure(error, "host-not-allowed"),
    host,
  );
}

/** Each is refused although the resolver, asked for it as a name, would give a public address. */
const spellings = [
  "127.0.0.1",
  "127.0.0.1.",
  "127.1",
  "127.0.1",
  "127.255.255.254",
  "2130706433",
  "0x7f000001",
  "0x7f.1",
  "0X7F.0.0.1",
  "0177.0.0.1",
  "017700000001",
  "0",
  "0.0.0.0",
  "0.0.0.0.",
  "00.0.0.0",
  "127.0.0.0x1",
  "①②⑦.0.0.1",
  "127。0。0。1",
  "１２７.０.０.１",
  "[127.0.0.1]",
  "::1",
  "[::1]",
  "0:0:0:0:0:0:0:1",
  "::",
  "::ffff:127.0.0.1",
  "::FFFF:7F00:1",
  "[::ffff:127.0.0.1]",
  "::127.0.0.1",
  "::ffff:0:127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b::10.0.0.1",
  "64:ff9b:1::7f00:1",
  "2002:7f00:1::",
  "2002:a00:1::1",
  "2001:0:4136:e378:8000:63bf:80ff:fffe",
  "fe80::1",
  "fe80::1%eth0",
  "FE80::1%25eth0",
  "fd00::1",
  "fc00::",
  "fec0::1",
  "ff02::1",
  "100::1",
  "2001:db8::1",
  "10.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "192.0.0.170",
  "192.0.2.1",
  "198.18.0.1",
  "198.51.100.7",
  "203.0.113.9",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
];

/** Neither names nor addresses. */
const nonsense = [
  "",
  " ",
  ".",
  "..",
  "mail..example.org",
  "mail.example.org..",
  "-mail.example.org",
  "mail-.example.org",
  "/var/run/dovecot/imap.sock",
  "./imap.sock",
  "\\\\.\\pipe\\imap",
  "unix:/imap.sock",
  "imap://mail.example.org",
  "user@mail.example.org",
  "mail.example.org:143",
  "mail.example.org/x",
  "mail.example.org\0",
  "mail.example.org\r\nX: y",
  "mail example.org",
  "mail%2eexample.org",
  "8.8.8.8%lo",
  "[mail.example.org",
  "[[::1]]",
  "1.2.3.4.5",
  "256.1.1.1",
  "8.8.8",
  `${"a".repeat(64)}.example.org`,
  `${"a.".repeat(130)}org`,
];

describe("hosts that lead inside, whatever a resolver says of them", () => {
  for (const host of spellings) test(`${host} is refused`, () => refused(host, publicly));
});

describe("what is no host", () => {
  for (const host of nonsense) test(`${JSON.stringify(host.slice(0, 40))} is refused`, () => refused(host, publicly));
});

describe("names that lead inside", () => {
  const names = { localhost: ["127.0.0.1", "::1"], "mail.localhost": ["127.0.0.1"], "intra.example.org": ["10.1.2.3"] };
  for (const host of [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "mail.localhost",
    "intra.example.org",
    "Intra.Example.ORG.",
  ])
    test(`${host} is refused`, () => refused(host, knowing(names)));

  test("localhost and what is under it are refused even where no resolver knows them", async () => {
    for (const host of ["localhost", "imap.localhost", "imap.localhost."]) await refused(host, knowing({}));
  });

  test("a name with one address inside is refused whole, wherever in the list that is", async () => {
    const inside = ["192.168.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "not an address"];
    for (const address of inside) {
      await refused("mail.example.org", async () => ["93.184.215.14", address]);
      await refused("mail.example.org", async () => [address, "93.184.215.14"]);
    }
  });
});

describe("hosts of the public internet", () => {
  test("an address is dialled as it is", async () => {
    for (const host of ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
      assert.equal(await vetHost(host, 993, { allowed: [], resolve: knowing({}) }), host);
    assert.equal(await vetHost("[2606:2800::1]", 993, { allowed: [], resolve: knowing({}) }), "2606:2800::1");
    assert.equal(await vetHost("::ffff:8.8.8.8", 993, { allowed: [], resolve: knowing({}) }), "::ffff:8.8.8.8");
  });

  test("a name is resolved and its first address is dialled", async () => {
    const resolve = knowing({ "mail.example.org": ["93.184.215.14", "2606:2800::1"] });
    for (const host of ["mail.example.org", "MAIL.example.org", "mail.example.org."])
      assert.equal(await vetHost(host, 993, { allowed: [], resolve }), "93.184.215.14");
  });

  test("a name in any script is asked for as the DNS has it", async () => {
    const resolve = knowing({ "mail.xn--bcher-kva.example": ["93.184.215.14"] });
    assert.equal(await vetHost("mail.Bücher.example", 993, { allowed: [], resolve }), "93.184.215.14");
  });

  test("a name that nobody knows is unreachable, not forbidden, and has no address", async () => {
    for (const resolve of [knowing({}), async () => []]) {
      const vetted = vetHost("mail.example.org", 993, { allowed: [], resolve });
      await assert.rejects(vetted, (error) => isFailure(error, "upstream-unreachable"));
    }
  });
});

describe("hosts that the operator allows", () => {
  const resolve = knowing({
    "mail.internal": ["10.0.0.5"],
    localhost: ["127.0.0.1"],
    mixed: ["10.0.0.5", "192.168.0.1"],
  });
  const allowedCases: [entry: string, host: string, address: string][] = [
    ["mail.internal", "mail.internal", "10.0.0.5"],
    ["Mail.Internal.", "MAIL.internal.", "10.0.0.5"],
    ["mail.internal:143", "mail.internal", "10.0.0.5"],
    ["10.0.0.5", "10.0.0.5", "10.0.0.5"],
    ["10.0.0.5", "mail.internal", "10.0.0.5"],
    ["10.0.0.5:143", "mail.internal", "10.0.0.5"],
    ["10.0.0.0/8", "mail.internal", "10.0.0.5"],
    ["10.0.0.0/8", "::ffff:10.9.9.9", "::ffff:10.9.9.9"],
    ["localhost", "localhost", "127.0.0.1"],
    ["fd00::/8", "fd12:3456::1", "fd12:3456::1"],
    ["::1", "0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1"],
    ["[::1]:143", "::1", "::1"],
    ["fe80::/10", "fe80::1%eth0", "fe80::1%eth0"],
  ];
  for (const [entry, host, address] of allowedCases) {
    test(`${entry} lets ${host} through`, async () => {
      assert.equal(await vetHost(host, 143, { allowed: ["other.example.org", entry], resolve }), address);
    });
  }

  const refusedCases: [entry: string, host: string, port: number][] = [
    ["mail.internal:143", "mail.internal", 993],
    ["10.0.0.5:143", "10.0.0.5", 993],
    ["[::1]:143", "::1", 993],
    ["internal", "mail.internal", 143],
    ["10.0.0.0/8", "mixed", 143],
    ["10.0.0.0/8", "192.168.0.1", 143],
    ["10.0.0.0/", "192.168.0.1", 143],
    ["10.0.0.0/x", "192.168.0.1", 143],
    ["fd00::/8", "fe80::1", 143],
    ["127.0.0.1", "127.0.0.2", 143],
    ["0.0.0.0/0", "fd00::1", 143],
  ];
  for (const [entry, host, port] of refusedCases)
    test(`${entry} does not let ${host}:${port} through`, () => refused(host, resolve, [entry], port));
});

test("whatever a host is called, nothing is dialled that is not public", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: "grapheme" }), fc.ipV4(), fc.ipV4Extended(), fc.ipV6()),
      async (host) => {
        const address = await vetHost(host, 143, nothingAllowed).catch((error: unknown) => {
          if (isFailure(error, "host-not-allowed")) return null;
          throw error;
        });
        if (address !== null) await vetHost(address, 143, { allowed: [], resolve: knowing({}) });
      },
    ),
  );
});

test("whoever listens on loopback hears nothing from a host being vetted", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  let heard = 0;
  server.on("connection", (socket) => {
    heard += 1;
    socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  for (const host of spellings) await refused(host, publicly, [], port);
  server.close();
  await once(server, "close");
  assert.equal(heard, 0);
});
