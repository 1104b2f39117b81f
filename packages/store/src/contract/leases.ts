import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { isFailure } from "@postern/protocol";
import { Fenced } from "../fenced.ts";
import type { LeaseHolder, Store } from "../store.ts";
import type { Pair } from "./index.ts";
import { account, holder, mailbox, until } from "./samples.ts";

const LONG_MS = 60_000;

async function begun(store: Store, ttlMs = LONG_MS): Promise<LeaseHolder> {
  const made = holder(randomUUID());
  await store.leases.begin(made, ttlMs);
  return made;
}

/** Claims what is bound to be had. */
async function epochOfClaim(store: Store, accountId: string, { id }: LeaseHolder): Promise<number> {
  const claim = await store.leases.claim(accountId, id);
  return claim.held ? claim.epoch : assert.fail(`${accountId} is owned by ${claim.owner.id}`);
}

const isFenced = (error: unknown): boolean => error instanceof Fenced && isFailure(error, "unavailable");

export function leasesContract(pair: () => Pair): void {
  test("an account has one owner, whom everybody else is told", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-one"));
    const [first, second] = [await begun(one), await begun(other)];
    assert.equal(await one.leases.ownerOf("lease-one"), null);
    const epoch = await epochOfClaim(one, "lease-one", first);
    assert.deepEqual(await other.leases.claim("lease-one", second.id), { held: false, owner: first.worker });
    assert.deepEqual(await other.leases.ownerOf("lease-one"), { owner: first.worker, epoch });
    assert.equal(await epochOfClaim(one, "lease-one", first), epoch);
  });

  test("of many who claim at once, one has it", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-race"));
    const stores = [one, other, one, other, one, other];
    const holders = await Promise.all(stores.map((store) => begun(store)));
    const claims = await Promise.all(
      stores.map((store, at) => store.leases.claim("lease-race", holders[at]?.id ?? "")),
    );
    assert.equal(claims.filter(({ held }) => held).length, 1);
  });

  test("the epoch rises with each change of owner: by release, by the end of the holder, and when its time is over", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-epoch"));
    const epochs: number[] = [];
    const released = await begun(one);
    epochs.push(await epochOfClaim(one, "lease-epoch", released));
    await one.leases.release("lease-epoch", released.id);
    const ended = await begun(other);
    epochs.push(await epochOfClaim(other, "lease-epoch", ended));
    await other.leases.end(ended.id);
    const late = await begun(one);
    epochs.push(await epochOfClaim(one, "lease-epoch", late));
    assert.equal(await one.leases.renew(late.id, 40), true);
    const next = await begun(other);
    await until(async () => (await other.leases.claim("lease-epoch", next.id)).held);
    epochs.push(await epochOfClaim(other, "lease-epoch", next));
    assert.deepEqual(
      epochs,
      [...new Set(epochs)].sort((a, b) => a - b),
    );
  });

  test("a holder that renews keeps all it has; one that is over never comes back", async () => {
    const { one, other } = pair();
    const ids = Array.from({ length: 20 }, (_, index) => `lease-many-${index}`);
    await Promise.all(ids.map((id) => one.accounts.create(account(id))));
    const [brief, next] = [await begun(one), await begun(other)];
    await Promise.all(ids.map((id) => epochOfClaim(one, id, brief)));
    assert.equal(await one.leases.renew(brief.id, LONG_MS), true);
    for (const id of ids) assert.equal((await other.leases.claim(id, next.id)).held, false);
    assert.equal(await one.leases.renew(brief.id, 40), true);
    await until(async () => (await other.leases.claim(ids[0] ?? "", next.id)).held);
    for (const id of ids) assert.equal((await other.leases.claim(id, next.id)).held, true);
    assert.equal(await one.leases.renew(brief.id, LONG_MS), false);
    assert.equal(await one.leases.renew("nobody", LONG_MS), false);
  });

  test("a holder that was late is over even where nobody has asked for what it had", async () => {
    const { one } = pair();
    const brief = await begun(one, 20);
    const watch = await begun(one, 60);
    await one.accounts.create(account("lease-late"));
    await epochOfClaim(one, "lease-late", watch);
    await until(async () => (await one.leases.ownerOf("lease-late")) === null);
    assert.equal(await one.leases.renew(brief.id, LONG_MS), false);
  });

  test("a release of what is another's by now is ignored", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-theirs"));
    const [first, second] = [await begun(one), await begun(other)];
    await epochOfClaim(one, "lease-theirs", first);
    await one.leases.end(first.id);
    const epoch = await epochOfClaim(other, "lease-theirs", second);
    await one.leases.release("lease-theirs", first.id);
    await one.leases.release("lease-theirs", first.id);
    assert.deepEqual(await one.leases.ownerOf("lease-theirs"), { owner: second.worker, epoch });
  });

  test("who has the storage to itself ends all others", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-alone"));
    const crashed = await begun(one);
    await epochOfClaim(one, "lease-alone", crashed);
    const alone = holder(randomUUID());
    await other.leases.begin(alone, LONG_MS, true);
    await epochOfClaim(other, "lease-alone", alone);
    assert.equal(await one.leases.renew(crashed.id, LONG_MS), false);
  });

  test("an account that is not there is owned by nobody, and one that is made anew has a higher epoch", async () => {
    const { one, other } = pair();
    const mine = await begun(one);
    const claim = one.leases.claim("lease-nobody", mine.id);
    await assert.rejects(claim, (error) => isFailure(error, "not-found"));
    await one.accounts.create(account("lease-anew"));
    const before = await epochOfClaim(one, "lease-anew", mine);
    await until(async () => Date.now() > before);
    await one.accounts.remove("lease-anew");
    assert.equal(await other.leases.ownerOf("lease-anew"), null);
    await one.accounts.create(account("lease-anew"));
    assert.ok((await epochOfClaim(one, "lease-anew", mine)) > before);
  });

  test("what an owner writes under an epoch that is over is refused, and changes nothing", async () => {
    const { one, other } = pair();
    await one.accounts.create(account("lease-fence"));
    const frozen = await begun(one);
    const stale = await epochOfClaim(one, "lease-fence", frozen);
    const add = { add: [mailbox("A")], update: [] };
    assert.ok(await one.mailboxes.apply("lease-fence", 0, add, stale));
    await one.accounts.setState("lease-fence", 1, "connected", null, 1, stale);
    await other.leases.end(frozen.id);
    const fresh = await epochOfClaim(other, "lease-fence", await begun(other));
    await assert.rejects(one.mailboxes.apply("lease-fence", 1, add, stale), isFenced);
    await one.accounts.setState("lease-fence", 1, "unreachable", null, 2, stale);
    assert.equal((await other.mailboxes.list("lease-fence")).version, 1);
    assert.equal((await other.accounts.get("lease-fence"))?.state, "connected");
    assert.ok(await other.mailboxes.apply("lease-fence", 1, add, fresh));
  });

  test("who has let go writes no more, even where nobody has come after", async () => {
    const { one } = pair();
    await one.accounts.create(account("lease-let-go"));
    const mine = await begun(one);
    const epoch = await epochOfClaim(one, "lease-let-go", mine);
    await one.leases.release("lease-let-go", mine.id);
    const write = one.mailboxes.apply("lease-let-go", 0, { add: [mailbox("A")], update: [] }, epoch);
    await assert.rejects(write, isFenced);
  });
}
