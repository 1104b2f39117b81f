import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root, toolEnvironment } from "./setup.mjs";

/** Runs one of the project's programs with the right Node until it ends. Whoever stops this process means the program. */
export function launch(...args) {
  const child = spawn("node", args, { cwd: root, stdio: "inherit", env: toolEnvironment() });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
