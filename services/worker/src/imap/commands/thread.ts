import type { Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import { listOf, uidOf, type Value } from "../response.ts";
import type { SearchKey, ThreadAlgorithm } from "../session.ts";
import { runInCharset } from "./charset.ts";
import { searchKeyParts } from "./search-keys.ts";

/** UID THREAD (RFC 5256 section 4): the UIDs of each conversation, whatever the tree that they make. */
export async function thread(connection: Connection, algorithm: ThreadAlgorithm, key: SearchKey): Promise<number[][]> {
  const threads: number[][] = [];
  const build = (charset: string, parts: Part[]) => ({
    name: "THREAD",
    parts: [`UID THREAD ${algorithm} ${charset} `, ...parts],
    onData: ({ name, values }: { name: string; values: Value[] }) => {
      if (name === "THREAD") for (const value of values) threads.push(uidsWithin(value));
    },
  });
  await runInCharset(connection, build, searchKeyParts(key));
  return threads;
}

/** Without recursion: how deep the tree is is for the senders of mail to say. */
function uidsWithin(tree: Value): number[] {
  const uids: number[] = [];
  const open: Value[] = [tree];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) open.push(...listOf(value).toReversed());
    else uids.push(...[uidOf(value)].filter((uid) => uid !== null));
  }
  return uids;
}
