// npm run sbom: what a running Postern is made of, as CycloneDX, to postern.cdx.json or where the argument says.
import { run } from "./setup.mjs";

const [out = "postern.cdx.json"] = process.argv.slice(2);
const options = ["--sbom-format", "cyclonedx", "--sbom-spec-version", "1.6", "--sbom-type", "application", "--prod"];
process.exit(run("pnpm", ["sbom", ...options, "--out", out]));
