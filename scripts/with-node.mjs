// Runs one program of the project with the right Node, whatever the machine has.
import { run, setUp } from "./setup.mjs";

setUp();
process.exit(run("node", process.argv.slice(2)));
