// Runs one program of the project with the right Node, whatever the machine has.
import { launch } from "./launch.mjs";
import { setUp } from "./setup.mjs";

setUp();
launch(...process.argv.slice(2));
