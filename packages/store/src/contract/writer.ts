/** Run as a process of its own: `writer.ts <file or Redis URL> <name> <count>`. Adds mailboxes and prints the keys it was given. */
import { openRedisStore } from "../redis/store.ts";
import { openSqliteStore } from "../sqlite/store.ts";
import { addOneByOne } from "./mailboxes.ts";
import { account } from "./samples.ts";

const [where = "", name = "", count = "0"] = process.argv.slice(2);
const store = await (where.includes("://") ? openRedisStore({ durableUrl: where }) : openSqliteStore(where));
await store.accounts.create(account("shared", { key: 7 }));
console.log((await addOneByOne(store, "shared", name, Number(count))).join(" "));
await store.close();
