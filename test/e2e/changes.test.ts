import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { dataOf, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Item {
  id: string;
  mailboxId: string;
  subject: string;
  flags: string[];
  etag: string;
}
interface Result {
  id: string;
  ok: boolean;
  message?: { id: string; etag?: string; flags?: string[] } | null;
  problem?: { code: string; outcome?: string; current?: { etag: string } };
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[])
  describe(`changing mail, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => Promise<unknown>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });
    after(async () => {
      for (const end of endings) await end();
    });

    /** An account with so many letters, and another client on its mailbox. */
    async function start(id: string, letters: number): Promise<{ other: ImapFlow; at: string }> {
      const other = await otherClient(dovecot, id);
      endings.unshift(() => other.logout());
      await deliver(other, ...Array.from({ length: letters }, (_, index) => ({ subject: `${index + 1}` })));
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
      assert.equal((await ask("/v1/accounts", { body: { id, imap } })).status, 201);
      return { other, at: `/v1/accounts/${id}` };
    }

    /** Oldest first. */
    async function list(at: string, mailbox = "inbox"): Promise<Item[]> {
      const { body } = await ask<{ items: Item[] }>(
        `${at}/messages?mailbox=${mailbox}&limit=200&fields=mailboxId,subject,flags,etag`,
      );
      return body.items.toReversed();
    }

    /** Subjects and flags as the other client sees them. */
    async function seen(other: ImapFlow, mailbox = "INBOX"): Promise<string[]> {
      const lock = await other.getMailboxLock(mailbox);
      try {
        await other.noop();
        const rows =
          other.mailbox && other.mailbox.exists ? await other.fetchAll("1:*", { envelope: true, flags: true }) : [];
        return rows.map(({ envelope, flags = new Set() }) =>
          [envelope?.subject ?? "", ...[...flags].filter((flag) => flag !== "\\Recent").sort()].join(" "),
        );
      } finally {
        lock.release();
      }
    }

    const codes = (results: Result[]): string[] => results.map((each) => (each.ok ? "ok" : (each.problem?.code ?? "")));

    test("PATCH changes flags and moves, and any gateway shows it at once under the same id", async () => {
      const { other, at } = await start("patch", 3);
      const [one] = await list(at);
      const patched = await ask<Item>(`${at}/messages/${one?.id}`, {
        method: "PATCH",
        body: { flags: { add: ["\\Seen", "$Work"] } },
      });
      assert.equal(patched.status, 200);
      assert.equal(patched.headers.etag, patched.body.etag);
      for (const _ of house.urls) {
        const [now] = await list(at);
        assert.deepEqual([now?.flags.toSorted(), now?.etag], [["$Work", "\\Seen"], patched.body.etag]);
      }
      assert.deepEqual(await seen(other), ["1 $Work \\Seen", "2", "3"]);
      const moved = await ask<Item>(`${at}/messages/${one?.id}`, {
        method: "PATCH",
        body: { flags: { set: ["\\Flagged"] }, mailbox: "archive" },
      });
      assert.equal(moved.status, 200, JSON.stringify(moved.body));
      assert.deepEqual([moved.body.id, moved.body.flags], [one?.id, ["\\Flagged"]]);
      assert.notEqual(moved.body.mailboxId, one?.mailboxId);
      assert.deepEqual([await seen(other), await seen(other, "Archive")], [["2", "3"], ["1 \\Flagged"]]);
      for (const _ of house.urls) {
        assert.equal((await ask<Item>(`${at}/messages/${one?.id}?fields=subject`)).body.subject, "1");
        assert.deepEqual(
          (await list(at, "archive")).map(({ id }) => id),
          [one?.id],
        );
      }
    });

    test("If-Match: what has changed is left as it is, and shown", async () => {
      const { other, at } = await start("match", 1);
      const [one] = await list(at);
      const path = `${at}/messages/${one?.id}`;
      const change = (etag: string, method = "PATCH"): Promise<Answer<Item & { code: string; current: Item }>> =>
        ask(path, {
          method,
          headers: { "if-match": etag },
          ...(method === "PATCH" && { body: { flags: { add: ["\\Seen"] } } }),
        });
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("1", ["\\Flagged"]);
      const stale = await change(one?.etag ?? "");
      assert.deepEqual([stale.status, stale.body.code], [412, "precondition-failed"]);
      assert.deepEqual(stale.body.current.flags, ["\\Flagged"]);
      assert.equal((await change(one?.etag ?? "", "DELETE")).status, 412);
      assert.equal((await change(`W/${stale.body.current.etag}`)).status, 412);
      assert.deepEqual(await seen(other), ["1 \\Flagged"]);
      assert.equal((await change(stale.body.current.etag)).status, 200);
      assert.equal((await change("*")).status, 200);
      assert.deepEqual(await seen(other), ["1 \\Flagged \\Seen"]);
    });

    test("DELETE goes to Trash and from there for good; a copy is another message", async () => {
      const { other, at } = await start("delete", 2);
      const [one, two] = await list(at);
      const copied = await ask<Item>(`${at}/messages/${two?.id}/copy`, { body: { mailbox: "archive" } });
      assert.equal(copied.status, 201);
      assert.equal(copied.headers.location, `${at}/messages/${copied.body.id}`);
      assert.notEqual(copied.body.id, two?.id);
      const remove = async (id = "", query = ""): Promise<number> =>
        (await ask(`${at}/messages/${id}${query}`, { method: "DELETE" })).status;
      assert.equal(await remove(one?.id), 204);
      assert.deepEqual([await seen(other), await seen(other, "Trash")], [["2"], ["1"]]);
      assert.equal(await remove(one?.id), 204);
      assert.equal(await remove(two?.id, "?permanent=true"), 204);
      assert.equal(await remove(two?.id), 410);
      assert.equal(await remove("msg_nonsense"), 404);
      assert.deepEqual([await seen(other), await seen(other, "Trash"), await seen(other, "Archive")], [[], [], ["2"]]);
    });

    test("a batch by ids has a result for each, in order; by filter it takes what matches; a dry run changes nothing", async () => {
      const { other, at } = await start("batch", 5);
      const [one, two, three] = await list(at);
      const batch = <T>(body: object): Promise<Answer<T>> => ask(`${at}/messages/batch`, { body });
      const ids = [three?.id, "msg_nonsense", one?.id];
      const flagged = await batch<{ results: Result[] }>({ ids, action: { flags: { add: ["\\Seen"] } } });
      assert.deepEqual(codes(flagged.body.results), ["ok", "not-found", "ok"]);
      assert.deepEqual(
        flagged.body.results.map(({ id }) => id),
        ids,
      );
      const filter = { seen: true };
      const dry = await batch<{ count: number; sample: { id: string }[] }>({
        filter,
        mailbox: "inbox",
        action: { delete: {} },
        dryRun: true,
      });
      assert.deepEqual([dry.body.count, dry.body.sample.map(({ id }) => id)], [2, [three?.id, one?.id]]);
      assert.equal((await seen(other)).length, 5);
      const moved = await batch<{ results: Result[] }>({ filter, mailbox: "inbox", action: { move: "archive" } });
      assert.deepEqual(codes(moved.body.results), ["ok", "ok"]);
      const matched = await batch<{ results: Result[] }>({
        ids: [two?.id, three?.id],
        ifMatch: ['"stale"', "*"],
        action: { copy: "inbox" },
      });
      assert.deepEqual(codes(matched.body.results), ["precondition-failed", "ok"]);
      assert.deepEqual(
        [await seen(other), await seen(other, "Archive")],
        [
          ["2", "4", "5", "3 \\Seen"],
          ["1 \\Seen", "3 \\Seen"],
        ],
      );
      assert.equal((await batch({ action: { delete: {} } })).status, 400);
      assert.equal((await batch({ ids, action: { flags: { add: ["\\Recent"] } } })).status, 400);
    });

    test("more than a thousand are changed by a job, whose progress any gateway tells", async () => {
      const { other, at } = await start("job", 0);
      const octets = "Subject: many\r\n\r\nhello\r\n";
      for (let at = 0; at < 1_100; at += 1) await other.append("INBOX", octets);
      const taken = await ask<{ job: { id: string; total: number } }>(`${at}/messages/batch`, {
        body: { mailbox: "inbox", action: { flags: { add: ["\\Seen"] } } },
      });
      assert.equal(taken.status, 202);
      assert.deepEqual([taken.body.job.total, taken.headers.location], [1_100, `/v1/jobs/${taken.body.job.id}`]);
      type Job = { state: string; done: number; results: Result[] };
      const look = (): Promise<Answer<Job>> => ask(`/v1/jobs/${taken.body.job.id}`);
      let job = await look();
      while (job.body.state === "running") job = await look();
      assert.deepEqual([job.body.state, job.body.done], ["done", 1_100]);
      assert.ok(job.body.results.every(({ ok }) => ok));
      const { unseen } = (await other.status("INBOX", { unseen: true })) || {};
      assert.equal(unseen, 0);
      assert.equal((await ask(`/v1/jobs/${taken.body.job.id}`, { method: "DELETE" })).status, 200);
      assert.equal((await ask("/v1/jobs/job_nonsense")).status, 404);
      const emptied = await ask(`${at}/mailboxes/inbox/empty`, { method: "POST" });
      assert.equal(emptied.status, 422);
    });

    test("Trash is emptied whole, and nothing else", async () => {
      const { other, at } = await start("empty", 3);
      const [one, two] = await list(at);
      await ask(`${at}/messages/batch`, { body: { ids: [one?.id, two?.id], action: { delete: {} } } });
      assert.deepEqual(await seen(other, "Trash"), ["1", "2"]);
      const emptied = await ask(`${at}/mailboxes/trash/empty`, { method: "POST" });
      assert.deepEqual([emptied.status, emptied.body], [200, { deleted: 2 }]);
      assert.deepEqual([await seen(other), await seen(other, "Trash")], [["3"], []]);
    });

    test("GraphQL changes the same way, with a result for each", async () => {
      const { other, at } = await start("graph", 3);
      const [one, two, three] = await list(at);
      const payload =
        "{ results { id ok message { id flags subject mailbox { role } } problem { code outcome current { flags etag } } } }";
      const change = async (field: string, type: string, input: object): Promise<unknown> => {
        const query = `mutation ($input: ${type}!) { ${field}(input: $input) ${payload} }`;
        const data = await dataOf<Record<string, { results: unknown[] }>>(ask, query, { input });
        return data[field]?.results;
      };
      const account = "graph";
      assert.deepEqual(
        await change("updateMessages", "UpdateMessagesInput", {
          account,
          ids: [one?.id, two?.id],
          flags: { add: ["\\Seen"] },
          ifMatch: [one?.etag, '"stale"'],
        }),
        [
          {
            id: one?.id,
            ok: true,
            message: { id: one?.id, flags: ["\\Seen"], subject: "1", mailbox: { role: "INBOX" } },
            problem: null,
          },
          {
            id: two?.id,
            ok: false,
            message: null,
            problem: { code: "precondition-failed", outcome: "NONE", current: { flags: [], etag: two?.etag } },
          },
        ],
      );
      const moved = await change("moveMessages", "MoveMessagesInput", { account, ids: [two?.id], mailbox: "archive" });
      assert.deepEqual(moved, [
        {
          id: two?.id,
          ok: true,
          message: { id: two?.id, flags: [], subject: "2", mailbox: { role: "ARCHIVE" } },
          problem: null,
        },
      ]);
      await change("copyMessages", "CopyMessagesInput", { account, ids: [three?.id], mailbox: "ARCHIVE" });
      await change("deleteMessages", "DeleteMessagesInput", { account, ids: [three?.id] });
      assert.deepEqual(
        [await seen(other), await seen(other, "Archive"), await seen(other, "Trash")],
        [["1 \\Seen"], ["2", "3"], ["3"]],
      );
      const emptied = await dataOf(
        ask,
        'mutation { emptyMailbox(input: {account: "graph", mailbox: "trash"}) { deleted job { id } } }',
      );
      assert.deepEqual(emptied, { emptyMailbox: { deleted: 1, job: null } });
      assert.deepEqual(await seen(other, "Trash"), []);
      assert.deepEqual(await dataOf(ask, '{ job(id: "job_nonsense") { id } }'), { job: null });
    });

    test("GraphQL changes by filter, tells beforehand what that would be, and leaves much to a job", async () => {
      const { other, at } = await start("graph-batch", 4);
      const [one, two, three, four] = await list(at);
      const shown = "results { id ok problem { code } } preview { count sample { id mailboxId } } job { state total }";
      const query = `mutation ($input: BatchMessagesInput!) { batchMessages(input: $input) { ${shown} } }`;
      const batch = async (input: object): Promise<unknown> =>
        (await dataOf<{ batchMessages: unknown }>(ask, query, { input: { account: "graph-batch", ...input } }))
          .batchMessages;
      const refused = async (input: object): Promise<unknown> => {
        const { errors } = await run(ask, query, { input: { account: "graph-batch", ...input } });
        return errors?.map(({ extensions }) => extensions.code);
      };
      const none = { results: null, preview: null, job: null };
      const done = (...messages: ({ id: string } | undefined)[]): object => ({
        ...none,
        results: messages.map((each) => ({ id: each?.id, ok: true, problem: null })),
      });
      const action = { move: "ARCHIVE" };
      const filter = { or: [{ subject: "2" }, { subject: "3" }] };
      const preview = { count: 2, sample: [three, two].map((each) => ({ id: each?.id, mailboxId: each?.mailboxId })) };
      assert.deepEqual(await batch({ filter, mailbox: "inbox", action, dryRun: true }), { ...none, preview });
      assert.deepEqual(await seen(other), ["1", "2", "3", "4"]);
      assert.deepEqual(await batch({ filter, mailbox: "inbox", action }), done(three, two));
      assert.deepEqual(
        [await seen(other), (await seen(other, "Archive")).toSorted()],
        [
          ["1", "4"],
          ["2", "3"],
        ],
      );
      const flags = { add: ["\\Seen"] };
      assert.deepEqual(await batch({ ids: [four?.id, one?.id], action: { flags } }), done(four, one));
      assert.deepEqual(await seen(other), ["1 \\Seen", "4 \\Seen"]);
      const many = Array.from({ length: 1_001 }, (_, number) => `msg_never${number}`);
      assert.deepEqual(await batch({ ids: many, action: { delete: { permanent: true } } }), {
        ...none,
        job: { state: "RUNNING", total: 1_001 },
      });
      for (const input of [
        { action },
        { ids: [one?.id], filter, action },
        { filter, ifMatch: ['"x"'], action },
        { ids: [one?.id], action: { flags: {} } },
      ])
        assert.deepEqual(await refused(input), ["invalid-request"], JSON.stringify(input));
    });

    test("a token without write changes nothing, and one without read is shown nothing of the mail", async () => {
      const { other, at } = await start("scopes", 1);
      const [one] = await list(at);
      const tokenFor = async (scopes: string[]): Promise<Ask> => {
        const { body } = await ask<{ token: string }>("/v1/tokens", { body: { scopes, accounts: ["scopes"] } });
        return askWith(house.urls, body.token);
      };
      const [reader, writer] = [await tokenFor(["read"]), await tokenFor(["write"])];
      const path = `${at}/messages/${one?.id}`;
      const body = { flags: { add: ["\\Seen"] } };
      assert.equal((await reader(path, { method: "PATCH", body })).status, 403);
      assert.equal((await reader(path, { method: "DELETE" })).status, 403);
      assert.equal((await reader(`${path}/copy`, { body: { mailbox: "inbox" } })).status, 403);
      const ids = [one?.id];
      assert.equal((await reader(`${at}/messages/batch`, { body: { ids, action: body } })).status, 403);
      assert.equal((await reader(`${at}/mailboxes/trash/empty`, { method: "POST" })).status, 403);
      assert.deepEqual(await seen(other), ["1"]);
      assert.equal((await writer(path, { method: "PATCH", body })).status, 200);
      assert.equal(
        (await writer(`${at}/messages/batch`, { body: { filter: { seen: true }, action: body } })).status,
        403,
      );
      const { errors } = await run(
        writer,
        'mutation ($ids: [ID!]!) { updateMessages(input: {account: "scopes", ids: $ids, flags: {set: []}}) { results { ok message { subject } } } }',
        { ids },
      );
      assert.deepEqual(
        errors?.map(({ extensions }) => extensions.code),
        ["scope-missing"],
      );
      assert.deepEqual(await seen(other), ["1"]);
    });
  });
