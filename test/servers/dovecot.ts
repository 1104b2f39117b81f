import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { makeCertificates } from "./certificates.ts";
import { onFreePorts, reviving, startDaemon, temporaryFolder } from "./process.ts";

const execute = promisify(execFile);

export interface DovecotOptions {
  /** Capabilities that the server keeps to itself, such as `["CONDSTORE", "QRESYNC"]`; it then acts as a server without them. */
  without?: string[];
  /** Connections one user may have from one address. */
  maxConnections?: number;
  /** Hierarchy separator; `/` unless told otherwise. */
  separator?: string;
  /** What every mailbox but INBOX begins with, such as `INBOX/`. */
  prefix?: string;
  /** Storage limit of every user, such as `10M`. */
  quota?: string;
  /** Whether SPECIAL-USE mailboxes are declared and made. */
  specialUse?: boolean;
  storage?: "maildir" | "sdbox" | "mdbox";
  /** Only these can log in, each with a password and a quota of their own. */
  users?: Record<string, DovecotUser>;
  /** When it is killed it starts again with all its mail, but not while there is a file `down` in its folder. */
  revives?: boolean;
}

export interface DovecotUser {
  password: string;
  /** Storage limit, such as `10M`, where `quota` is set for all. */
  quota?: string;
}

export interface Credentials {
  user: string;
  password: string;
}

export interface DovecotServer {
  host: string;
  /** Clear text and STARTTLS. */
  port: number;
  tlsPort: number;
  /** PEM of the authority that signed the server's certificate, which is for `localhost` and 127.0.0.1. */
  ca: string;
  /** Any name is a user of its own, whose mailbox is empty at first. */
  user: (name: string) => Credentials;
  doveadm: (...args: string[]) => Promise<string>;
  /** All that the server has logged so far. */
  log: () => Promise<string>;
  folder: string;
  /** Whether it greets. */
  isThere: () => Promise<boolean>;
  /** Of the process that starts all others. */
  masterPid: () => number;
  /** From the next login on, where there are `users`. */
  setUsers: (users: Record<string, DovecotUser>) => void;
  stop: () => Promise<void>;
}

const PASSWORD = "correct-horse";

/** Dovecot as Debian packages it, with a configuration, mailboxes and ports of its own. */
export function startDovecot(options: DovecotOptions = {}): Promise<DovecotServer> {
  return onFreePorts(2, (port = 0, tlsPort = 0) => startOn(port, tlsPort, options));
}

async function startOn(port: number, tlsPort: number, options: DovecotOptions): Promise<DovecotServer> {
  const folder = temporaryFolder("pst-dc-");
  chmodSync(folder, 0o755);
  const certificates = await makeCertificates(folder);
  const configuration = join(folder, "dovecot.conf");
  for (const name of ["run", "state", "mail"]) mkdirSync(join(folder, name));
  chmodSync(join(folder, "mail"), 0o777);
  writeFileSync(configuration, configure(folder, port, tlsPort, certificates, options));
  const setUsers = (users: Record<string, DovecotUser>): void =>
    writeFileSync(join(folder, "users"), userLines(folder, users), { mode: 0o644 });
  if (options.users) setUsers(options.users);
  if (options.without) await takeAway(configuration, options.without);
  const isOurs = (): Promise<boolean> => greets(port, basename(folder));
  const command = ["dovecot", "-F", "-c", configuration];
  const daemon = await startDaemon(options.revives ? reviving(command, folder) : command, folder, isOurs);
  return {
    host: "127.0.0.1",
    port,
    tlsPort,
    ca: certificates.ca,
    user: (name) => ({ user: name, password: PASSWORD }),
    doveadm: async (...args) => (await execute("doveadm", ["-c", configuration, ...args])).stdout,
    log: () => readFile(join(folder, "dovecot.log"), "utf8"),
    folder,
    isThere: isOurs,
    masterPid: () => Number(readFileSync(join(folder, "run", "master.pid"), "utf8")),
    setUsers,
    stop: daemon.stop,
  };
}

/** As passwd-file has them. Dovecot looks at time (in seconds) and size to see that they changed: the size always does. */
function userLines(folder: string, users: Record<string, DovecotUser>): string {
  edition += 1;
  const lines = Object.entries(users).map(([name, { password, quota }]) => {
    const extra = quota === undefined ? "" : `userdb_quota_rule=*:storage=${quota}`;
    return `${name}:{PLAIN}${password}::::${folder}/mail/${name}::${extra}`;
  });
  return `${lines.join("\n")}\n${"#\n".repeat(edition)}`;
}
let edition = 0;

function configure(
  folder: string,
  port: number,
  tlsPort: number,
  certificates: { certificate: string; key: string },
  options: DovecotOptions,
): string {
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? "mail" : userInfo().username;
  const separator = options.separator ?? "/";
  return `
protocols = imap
listen = 127.0.0.1
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
login_greeting = Dovecot ready at ${basename(folder)}.
default_login_user = ${isRoot ? "dovenull" : owner}
default_internal_user = ${isRoot ? "dovecot" : owner}
default_internal_group = ${isRoot ? "dovecot" : owner}
mail_uid = ${owner}
mail_gid = ${owner}
first_valid_uid = 1
first_valid_gid = 1
mail_home = ${folder}/mail/%u
mail_location = ${options.storage ?? "sdbox"}:~/store
mail_max_userip_connections = ${options.maxConnections ?? 100}
mail_fsync = never
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = yes
ssl_cert = <${certificates.certificate}
ssl_key = <${certificates.key}
${isRoot ? "" : "service anvil { chroot = \n}\nservice imap-login { chroot = \n}\n"}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
  }
}
service anvil {
  # Whoever mistypes a password often is otherwise kept waiting longer each time.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap {
  process_limit = 1024
}
passdb {
  ${options.users ? `driver = passwd-file\n  args = ${folder}/users` : `driver = static\n  args = password=${PASSWORD}`}
}
userdb {
  ${options.users ? `driver = passwd-file\n  args = ${folder}/users` : `driver = static\n  args = uid=${owner} gid=${owner} home=${folder}/mail/%u`}
}
${options.quota ? `mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota imap_quota\n}\nplugin {\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:storage=${options.quota}\n}` : ""}
namespace inbox {
  inbox = yes
  separator = ${separator}
  prefix = ${options.prefix ?? ""}
${options.specialUse === false ? "" : specialUse()}
}
`;
}

function specialUse(): string {
  const uses = { Drafts: "Drafts", Junk: "Junk", Trash: "Trash", Sent: "Sent", Archive: "Archive" };
  return Object.entries(uses)
    .map(([name, use]) => `  mailbox ${name} {\n    auto = subscribe\n    special_use = \\${use}\n  }`)
    .join("\n");
}

/** Dovecot's own list, less what is taken away. */
async function takeAway(configuration: string, without: string[]): Promise<void> {
  const { stdout } = await execute("doveconf", ["-c", configuration, "-h", "imap_capability"]).catch(() => ({
    stdout: "",
  }));
  const all = stdout.trim() || defaultCapabilities;
  const left = all.split(" ").filter((capability) => !without.includes(capability));
  const text = readFileSync(configuration, "utf8");
  writeFileSync(configuration, `${text}\nimap_capability = ${left.join(" ")}\n`);
}

const defaultCapabilities =
  "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT " +
  "MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH " +
  "ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE " +
  "LITERAL+ NOTIFY SPECIAL-USE";

/** Whoever answers on the port may be a server that took it first: ours has our name in its greeting. */
function greets(port: number, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(500, () => socket.destroy());
    socket.once("data", (greeting) => {
      resolve(greeting.includes(name));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
