import type { Abilities } from "./session.ts";

/** What the server said after the login. IMAP4rev2 (RFC 9051 appendix E) has much of it built in. */
export function abilitiesOf(capabilities: ReadonlyMap<string, unknown>, isDovecot: boolean): Abilities {
  const has = (name: string): boolean => capabilities.has(name);
  const rev2 = has("IMAP4REV2");
  return {
    condstore: has("CONDSTORE") || has("QRESYNC"),
    qresync: has("QRESYNC") && has("ENABLE"),
    esearch: has("ESEARCH") || rev2,
    searchPartial: has("CONTEXT=SEARCH") || has("PARTIAL"),
    searchRes: has("SEARCHRES") || rev2,
    sort: has("SORT"),
    sortPartial: has("SORT") && has("ESORT") && (has("CONTEXT=SORT") || has("CONTEXT=SEARCH")),
    listExtended: has("LIST-EXTENDED") || rev2,
    listStatus: has("LIST-STATUS") || rev2,
    specialUse: has("SPECIAL-USE") || rev2,
    createSpecialUse: has("CREATE-SPECIAL-USE"),
    objectId: has("OBJECTID"),
    gmail: has("X-GM-EXT-1"),
    threads: new Set((["REFS", "REFERENCES"] as const).filter((name) => has(`THREAD=${name}`))),
    guid: has("OBJECTID") ? "emailId" : has("X-GM-EXT-1") ? "gmail" : isDovecot ? "dovecot" : null,
    idle: has("IDLE") || rev2,
    notify: has("NOTIFY"),
    quota: has("QUOTA"),
    move: has("MOVE") || rev2,
    replace: has("REPLACE"),
    multiAppend: has("MULTIAPPEND"),
    uidPlus: has("UIDPLUS") || rev2,
    binary: has("BINARY") || rev2,
    utf8: has("UTF8=ACCEPT"),
    appendLimit: appendLimitOf(capabilities),
  };
}

/** `APPENDLIMIT=35651584`; without a number it differs between mailboxes (RFC 7889 section 3). */
function appendLimitOf(capabilities: ReadonlyMap<string, unknown>): number | null {
  const limit = capabilities.get("APPENDLIMIT");
  return typeof limit === "number" && limit > 0 ? limit : null;
}
