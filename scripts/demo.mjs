// npm run demo: sets up what is missing and runs Postern in front of a real mail server with a sample mailbox.
import { installPackages } from "./apt.mjs";
import { launch } from "./launch.mjs";
import { setUp } from "./setup.mjs";

setUp();
try {
  installPackages({ dovecot: "dovecot-imapd", openssl: "openssl" });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
launch("test/demo/main.ts");
