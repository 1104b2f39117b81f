// npm start: sets up what is missing and runs everything in one process.
import { launch } from "./launch.mjs";
import { setUp } from "./setup.mjs";

setUp();
launch("services/standalone/src/main.ts");
