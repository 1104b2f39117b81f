// npm test: sets up what is missing, then checks and tests everything.
import { installPackages } from "./apt.mjs";
import { must, run, setUp } from "./setup.mjs";

setUp();
installPackages({ dovecot: "dovecot-imapd", "redis-server": "redis-server", openssl: "openssl", chromium: "chromium" });
must(run("node", ["scripts/check.mjs"]), "the check");
process.exit(run("node", ["scripts/run-tests.mjs", ...process.argv.slice(2)]));
