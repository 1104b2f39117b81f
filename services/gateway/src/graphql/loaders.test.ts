import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Failure, type Input, isFailure, type Mail, mailOf, newReport } from "@postern/protocol";
import { createLoaders } from "./loaders.ts";

const call = {
  requestId: "r",
  traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
  actor: "admin",
  deadline: Number.MAX_SAFE_INTEGER,
  signal: new AbortController().signal,
  report: newReport(),
};

type Asked = Input<"getMessages">;

/** Mail that has every message but `gone` and `never`, and says what it was asked. */
function mailThat(asked: Asked[], fails?: Failure): Mail {
  const found = (id: string, fields: Asked["fields"]) => {
    if (id === "gone") return { failure: new Failure("message-gone").toJSON() };
    return id === "never"
      ? { failure: new Failure("not-found").toJSON() }
      : { message: { ...Object.fromEntries(fields.map((field) => [field, "given"])), id } };
  };
  return mailOf(() => async (input) => {
    asked.push(input as Asked);
    if (fails) throw fails;
    return { results: (input as Asked).ids.map((id) => found(id, (input as Asked).fields)) };
  });
}

describe("messages that a request asks for one by one", () => {
  it("are one call for each account, with the fields of all", async () => {
    const asked: Asked[] = [];
    const { message } = createLoaders(mailThat(asked), call);
    const found = await Promise.all([
      message.load({ account: "a", id: "1", fields: ["id", "subject"] }),
      message.load({ account: "a", id: "2", fields: ["id", "flags"] }),
      message.load({ account: "b", id: "3", fields: ["id"] }),
      message.load({ account: "a", id: "1", fields: ["text"] }),
    ]);
    assert.deepEqual(
      found.map((each) => each?.id),
      ["1", "2", "3", "1"],
    );
    assert.deepEqual(asked, [
      { account: "a", ids: ["1", "2"], fields: ["id", "subject", "flags", "text"] },
      { account: "b", ids: ["3"], fields: ["id"] },
    ]);
  });

  it("are not asked for again later on for what was asked already, in whatever order", async () => {
    const asked: Asked[] = [];
    const { message } = createLoaders(mailThat(asked), call);
    await message.load({ account: "a", id: "1", fields: ["id", "subject", "flags"] });
    await message.load({ account: "a", id: "1", fields: ["flags", "id"] });
    assert.equal(asked.length, 1);
    await message.load({ account: "a", id: "1", fields: ["id", "text"] });
    await message.load({ account: "b", id: "1", fields: ["id"] });
    assert.equal(asked.length, 3);
  });

  it("have all their fields when what is asked already meets what is not", async () => {
    const { message } = createLoaders(mailThat([]), call);
    await message.load({ account: "a", id: "1", fields: ["id", "subject"] });
    const [before, after] = await Promise.all([
      message.load({ account: "a", id: "1", fields: ["id", "subject"] }),
      message.load({ account: "a", id: "1", fields: ["id", "text"] }),
    ]);
    assert.equal(before?.subject, "given");
    assert.equal(after?.text, "given");
  });

  it("are null when they never were, and an error when they are gone, each for itself", async () => {
    const { message } = createLoaders(mailThat([]), call);
    const of = (id: string) => message.load({ account: "a", id, fields: ["id"] });
    const [one, never, gone] = await Promise.allSettled([of("1"), of("never"), of("gone")]);
    assert.deepEqual(one, { status: "fulfilled", value: { id: "1" } });
    assert.deepEqual(never, { status: "fulfilled", value: null });
    assert.ok(gone.status === "rejected" && isFailure(gone.reason, "message-gone"));
  });

  it("all fail with the account's failure, and leave other accounts alone", async () => {
    const { message } = createLoaders(mailThat([], new Failure("upstream-unreachable")), call);
    const found = await Promise.allSettled(["1", "2"].map((id) => message.load({ account: "a", id, fields: ["id"] })));
    for (const each of found) assert.ok(each.status === "rejected" && isFailure(each.reason, "upstream-unreachable"));
  });
});
