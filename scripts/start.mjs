// npm start: sets up what is missing and runs everything in one process.
import { run, setUp } from "./setup.mjs";

setUp();
process.on("SIGINT", () => undefined);
process.exit(run("node", ["services/standalone/src/main.ts"]));
