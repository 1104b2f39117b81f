import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeContract } from "../contract/index.ts";
import { openSqliteStore } from "./store.ts";

storeContract("the embedded store", async () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-store-"));
  return {
    open: () => openSqliteStore(join(folder, "postern.db")),
    stop: async () => rmSync(folder, { recursive: true }),
  };
});
