// Brings the real servers that tests and the demo talk to, from Debian's packages.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";

const POLICY = "/usr/sbin/policy-rc.d";

/** Which of `programs` (name of a program to the package that has it) are missing. */
export function missingPackages(programs) {
  const isThere = (program) => spawnSync("sh", ["-c", `command -v ${program} || ls /usr/sbin/${program}`]).status === 0;
  return Object.entries(programs).flatMap(([program, name]) => (isThere(program) ? [] : [name]));
}

/** Installs what is missing; an Error says what to do where that is not possible here. */
export function installPackages(programs) {
  const missing = missingPackages(programs);
  if (missing.length === 0) return;
  const canInstall = process.getuid?.() === 0 && spawnSync("sh", ["-c", "command -v apt-get"]).status === 0;
  if (!canInstall)
    throw new Error(`Please install first: ${missing.join(", ")}. On Debian: apt-get install ${missing.join(" ")}`);
  console.log(`Installing ${missing.join(", ")} …`);
  withoutDaemons(() => {
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
  });
}

/** Packages start their servers when they are installed, unless this policy forbids it. */
function withoutDaemons(work) {
  const mine = !existsSync(POLICY);
  if (mine) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    work();
  } finally {
    if (mine) rmSync(POLICY, { force: true });
  }
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = ["-o", "DPkg::Lock::Timeout=300", "-o", "APT::Update::Error-Mode=any"];
  const { status } = spawnSync("apt-get", [...options, ...args], { env, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`apt-get ${args[0]} failed`);
}
