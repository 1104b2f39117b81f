import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Failure } from "@postern/protocol";
import {
  bad,
  type Behaviour,
  bye,
  dribble,
  drop,
  endless,
  hangUp,
  inTurn,
  no,
  type Script,
  type ScriptedServer,
  silence,
  tell,
} from "@postern/test/servers/scripted";
import { ImapFlow } from "imapflow";
import { type ConnectOptions, connectSession } from "./index.ts";
import { failureOf, opened, optionsFor, scripted } from "./testing.ts";

const SECRET = "a very secret password";

async function refusal(
  t: TestContext,
  script: Script,
  options: Partial<ConnectOptions> = {},
): Promise<{ failure: Failure; server: ScriptedServer }> {
  const server = await scripted(t, script);
  const password = { password: SECRET };
  const failure = await failureOf(connectSession({ ...optionsFor(server, script), secret: password, ...options }));
  assert.ok(!JSON.stringify(failure).includes(SECRET), "a failure must not tell the password");
  return { failure, server };
}

for (const security of ["none", "starttls", "tls"] as const) {
  test(`a session opens over ${security}, answers and says goodbye`, async (t) => {
    const closed = Promise.withResolvers<void>();
    const { server, session } = await opened(t, { security }, { onClose: closed.resolve });
    assert.equal((await session.examine("INBOX"))?.path, "INBOX");
    assert.equal(session.usable, true);
    await session.logout();
    await closed.promise;
    assert.equal(session.usable, false);
    assert.equal(server.commands.at(-1)?.name, "LOGOUT");
    if (security !== "none") assert.ok(!server.clearText().includes("secret"), "nothing secret in clear");
  });

  test(`a session over ${security} hears at once that its server is gone, idle or not`, async (t) => {
    const closed = Promise.withResolvers<void>();
    const { server, session } = await opened(t, { security }, { onClose: closed.resolve });
    server.cut();
    await closed.promise;
    assert.equal(session.usable, false);
    assert.equal((await failureOf(session.noop())).code, "upstream-unreachable");
  });
}

const refusesTls: Behaviour = bad("What is that?");
const greetings = {
  "a server that does not offer STARTTLS": { on: {}, capabilities: ["IMAP4rev1"], security: "none" },
  "a server that answers BAD to STARTTLS": { on: { STARTTLS: refusesTls }, security: "starttls" },
  "a server that answers NO to STARTTLS": { on: { STARTTLS: no("Not now") }, security: "starttls" },
} as const satisfies Record<string, Script>;

for (const [name, script] of Object.entries(greetings)) {
  test(`${name} never sees the password, and the failure says why`, async (t) => {
    const { failure, server } = await refusal(t, script, { security: "starttls" });
    assert.equal(failure.code, "upstream-unreachable");
    assert.match(failure.detail ?? "", /does not offer STARTTLS/);
    assert.ok(!server.clearText().includes(SECRET));
    assert.ok(!server.commands.some((command) => /LOGIN|AUTHENTICATE/.test(command.name)));
  });
}

test("ImapFlow by itself sends the password in clear to a server that answers BAD to STARTTLS", async (t) => {
  const server = await scripted(t, { security: "starttls", on: { STARTTLS: refusesTls } });
  const auth = { user: "ada", pass: "secret" };
  const client = new ImapFlow({ host: server.host, port: server.port, secure: false, auth, logger: false });
  client.on("error", () => undefined);
  await client.connect();
  client.close();
  assert.match(server.clearText(), /LOGIN "ada" "secret"/);
});

test("PREAUTH in clear is no way around TLS", async (t) => {
  const script: Script = { security: "starttls", greeting: "* PREAUTH Welcome, whoever you are" };
  const { failure, server } = await refusal(t, script);
  assert.equal(failure.code, "upstream-unreachable");
  assert.match(failure.detail ?? "", /skipped TLS/);
  assert.deepEqual(
    server.commands.filter(({ name }) => name !== "CAPABILITY"),
    [],
  );
});

test("what is sent before TLS is in place is not taken for what came through it", async (t) => {
  const inject: Behaviour = (connection, { tag }) =>
    connection.say(`${tag} OK Begin TLS`, "* CAPABILITY IMAP4rev1 AUTH=PLAIN", "* PREAUTH Hello");
  const { failure, server } = await refusal(t, { security: "starttls", on: { STARTTLS: inject } });
  assert.equal(failure.code, "upstream-unreachable");
  assert.match(failure.detail ?? "", /before TLS/);
  assert.ok(!server.clearText().includes(SECRET));
});

test("LOGINDISABLED is believed: no password is sent", async (t) => {
  const { failure, server } = await refusal(t, { capabilities: ["IMAP4rev1", "LOGINDISABLED"] });
  assert.equal(failure.code, "login-refused");
  assert.match(failure.detail ?? "", /LOGINDISABLED/);
  assert.equal(failure.upstream, undefined);
  assert.ok(!server.clearText().includes(SECRET));
});

const logins: [text: string, code: Failure["code"], upstreamCode: string | null][] = [
  ["[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "login-refused", "AUTHENTICATIONFAILED"],
  ["[AUTHORIZATIONFAILED] Not you", "login-refused", "AUTHORIZATIONFAILED"],
  ["[EXPIRED] Password has expired", "login-refused", "EXPIRED"],
  ["[PRIVACYREQUIRED] TLS first", "login-refused", "PRIVACYREQUIRED"],
  ["[ALERT] Application-specific password required", "login-refused", "ALERT"],
  ["Login failed.", "login-refused", null],
  ["[LIMIT] Too many connections", "upstream-connection-limit", "LIMIT"],
  ["[ALERT] Too many simultaneous connections. (Failure)", "upstream-connection-limit", "ALERT"],
  [
    "[AUTHENTICATIONFAILED] Maximum number of connections from user+IP exceeded",
    "upstream-connection-limit",
    "AUTHENTICATIONFAILED",
  ],
  ["[UNAVAILABLE] Temporary authentication failure", "upstream-unreachable", "UNAVAILABLE"],
  ["[INUSE] Mailbox in use", "upstream-unreachable", "INUSE"],
  ["[SERVERBUG] Internal error occurred", "upstream-unreachable", "SERVERBUG"],
  ["Temporary failure, try again later", "upstream-unreachable", null],
];

for (const [text, code, upstreamCode] of logins) {
  test(`a login answered with NO ${text} is ${code}`, async (t) => {
    const { failure } = await refusal(t, { on: { LOGIN: no(text) } });
    assert.equal(failure.code, code);
    assert.deepEqual(failure.upstream, { status: "NO", code: upstreamCode, text: text.replace(/^\[\w+\] /, "") });
  });
}

test("a greeting of BYE tells why: too many connections are no refused login", async (t) => {
  const { failure } = await refusal(t, { greeting: bye("Too many connections from your address") });
  assert.equal(failure.code, "upstream-connection-limit");
  assert.equal(failure.upstream?.status, "BYE");
  assert.match(failure.upstream?.text ?? "", /Too many connections/);
});

test("a BYE during the login is no refused login", async (t) => {
  const { failure } = await refusal(t, { on: { LOGIN: bye("Shutting down") } });
  assert.equal(failure.code, "upstream-unreachable");
  assert.equal(failure.upstream?.status, "BYE");
});

const ends: Record<string, Script> = {
  "closes without a word": { greeting: hangUp },
  "drops the connection": { greeting: drop },
  "closes during the login": { on: { LOGIN: hangUp } },
  "drops during the login": { on: { LOGIN: drop } },
};
for (const [name, script] of Object.entries(ends)) {
  test(`a server that ${name} is unreachable, not refusing`, async (t) => {
    const { failure } = await refusal(t, script);
    assert.equal(failure.code, "upstream-unreachable");
    assert.match(failure.detail ?? "", /closed|cut/);
  });
}

test("time-outs name what was waited for", async (t) => {
  const short = { timeoutMs: 200 };
  const noGreeting = await refusal(t, { greeting: null }, short);
  assert.equal(noGreeting.failure.code, "upstream-timeout");
  assert.match(noGreeting.failure.detail ?? "", /greeting/);
  const noLogin = await refusal(t, { on: { LOGIN: silence } }, short);
  assert.equal(noLogin.failure.code, "upstream-timeout");
  assert.match(noLogin.failure.detail ?? "", /login/);
});

test("an octet now and then does not keep a login alive beyond its deadline", async (t) => {
  const { failure } = await refusal(t, { on: { LOGIN: dribble(20) } }, { timeoutMs: 300 });
  assert.equal(failure.code, "upstream-timeout");
});

const floods: Record<string, Script> = {
  "an endless greeting": { greeting: endless("x".repeat(65_536)) },
  "untagged lines without end": { on: { LOGIN: endless("* OK Still working on it\r\n".repeat(1_000)) } },
  "a giant literal": { on: { LOGIN: endless(`* LIST () "/" {999999999}\r\n${"x".repeat(65_536)}`) } },
};
for (const [name, script] of Object.entries(floods)) {
  test(`${name} before the login is done ends the connection early`, async (t) => {
    const { failure, server } = await refusal(t, script);
    assert.equal(failure.code, "upstream-protocol");
    assert.match(failure.detail ?? "", /more than|without end/);
    const gone = Promise.withResolvers<void>();
    const look = (): unknown => (server.connections() === 0 ? gone.resolve() : setImmediate(look));
    look();
    await gone.promise;
  });
}

test("garbage for a greeting is a failure with a name", async (t) => {
  const { failure } = await refusal(t, { greeting: "HTTP/1.1 400 Bad Request" }, { timeoutMs: 500 });
  assert.match(failure.code, /^upstream-/);
});

test("a server without TLS on the port says so", async (t) => {
  const { failure } = await refusal(t, {}, { security: "tls" });
  assert.equal(failure.code, "upstream-unreachable");
  assert.match(failure.detail ?? "", /does not speak TLS/);
});

for (const security of ["tls", "starttls"] as const) {
  test(`a certificate of an unknown authority is refused by name over ${security}`, async (t) => {
    const { failure, server } = await refusal(t, { security }, { tls: null });
    assert.equal(failure.code, "upstream-unreachable");
    assert.match(failure.detail ?? "", /certificate is not signed by a known authority|signed by itself/);
    assert.ok(!server.commands.some(({ name }) => name === "LOGIN"));
  });

  test(`a certificate for another name is refused over ${security}`, async (t) => {
    const { failure } = await refusal(t, { security }, { host: "mail.example.org" });
    assert.equal(failure.code, "upstream-unreachable");
    assert.match(failure.detail ?? "", /another name/);
  });

  test(`the servername decides over the host over ${security}, and an address is checked as an address`, async (t) => {
    const server = await scripted(t, { security });
    const options = { ...optionsFor(server, { security }), host: "mail.example.org" };
    for (const servername of ["localhost", "127.0.0.1"]) {
      const session = await connectSession({ ...options, tls: { ca: server.ca ?? undefined, servername } });
      await session.logout();
    }
  });

  test(`an authority that cannot be read is told over ${security}`, async (t) => {
    const { failure } = await refusal(t, { security }, { tls: { ca: "-----BEGIN CERTIFICATE-----\nnone\n" } });
    assert.equal(failure.code, "upstream-unreachable");
    assert.match(failure.detail ?? "", /authority/);
  });
}

test("nobody at the port is told as such", async (t) => {
  const server = await scripted(t);
  await server.stop();
  const failure = await failureOf(connectSession(optionsFor(server)));
  assert.equal(failure.code, "upstream-unreachable");
  assert.match(failure.detail ?? "", /refused the connection/);
});

for (const mechanism of ["OAUTHBEARER", "XOAUTH2"]) {
  for (const extra of [["SASL-IR"], []]) {
    test(`an access token goes by ${mechanism} ${extra.join("") || "without SASL-IR"}`, async (t) => {
      const capabilities = ["IMAP4rev1", `AUTH=${mechanism}`, ...extra];
      const { server, session } = await opened(
        t,
        { capabilities, password: "token-1" },
        { secret: { accessToken: "token-1" } },
      );
      await session.noop();
      assert.equal(server.commands.find(({ name }) => name === "AUTHENTICATE")?.args[0], mechanism);
    });
  }

  test(`an access token that ${mechanism} refuses is a refused login`, async (t) => {
    const refuse: Behaviour = async (connection, { tag }) => {
      await connection.ask(Buffer.from('{"status":"401"}').toString("base64"));
      await connection.say(`${tag} NO [AUTHENTICATIONFAILED] Token expired`);
    };
    const script = { capabilities: ["IMAP4rev1", "SASL-IR", `AUTH=${mechanism}`], on: { AUTHENTICATE: refuse } };
    const { failure } = await refusal(t, script, { secret: { accessToken: SECRET } });
    assert.equal(failure.code, "login-refused");
    assert.equal(failure.upstream?.text, "Token expired");
  });
}

test("an access token is not sent to a server that takes none", async (t) => {
  const { failure, server } = await refusal(t, {}, { secret: { accessToken: SECRET } });
  assert.equal(failure.code, "login-refused");
  assert.match(failure.detail ?? "", /no way to log in/);
  assert.ok(!server.clearText().includes(SECRET));
});

test("a password goes by PLAIN where offered, whatever characters it has", async (t) => {
  const password = 'pä"ss\\wörd ✓';
  const { server } = await opened(t, { capabilities: ["IMAP4rev1", "AUTH=PLAIN"], password }, { secret: { password } });
  assert.equal(server.commands.find(({ name }) => name === "AUTHENTICATE")?.args[0], "PLAIN");
});

test("capabilities that are told only when asked for again are learnt", async (t) => {
  const capabilities = ["IMAP4rev1", "ESEARCH", "CONDSTORE"];
  const { session } = await opened(t, { capabilities, capabilityInLogin: false });
  assert.equal(session.abilities.esearch, true);
  assert.equal(session.abilities.condstore, true);
  assert.equal(session.abilities.sort, false);
});

test("of what changes a connection only QRESYNC is switched on, before a mailbox is opened", async (t) => {
  const capabilities = ["IMAP4rev1", "ID", "ENABLE", "COMPRESS=DEFLATE", "UTF8=ACCEPT", "QRESYNC", "IDLE"];
  const { server, session } = await opened(t, { capabilities });
  await session.examine("INBOX");
  await session.examine("INBOX");
  const names = server.commands.map(({ name }) => name);
  for (const name of ["COMPRESS", "IDLE", "SELECT"]) assert.ok(!names.includes(name), name);
  assert.deepEqual(names.slice(-3), ["ENABLE", "EXAMINE", "EXAMINE"]);
  assert.equal(server.commands.at(-3)?.args[0], "QRESYNC");
});

test("a login that is refused once and then not leaves nothing behind", async (t) => {
  const LOGIN = inTurn(no("[UNAVAILABLE] Later"), tell());
  const server = await scripted(t, { on: { LOGIN } });
  assert.equal((await failureOf(connectSession(optionsFor(server)))).code, "upstream-unreachable");
  const session = await connectSession(optionsFor(server));
  await session.logout();
});
