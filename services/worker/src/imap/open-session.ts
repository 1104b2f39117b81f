import { copy, move } from "./commands/copy.ts";
import { append, appendAll } from "./commands/append.ts";
import { create } from "./commands/create.ts";
import { changedSince, vanishedSince } from "./commands/changed-since.ts";
import { remove, rename } from "./commands/mailboxes.ts";
import { enable } from "./commands/enable.ts";
import { examine, type OpenOptions } from "./commands/examine.ts";
import { expunge, uidExpunge } from "./commands/expunge.ts";
import { fetch } from "./commands/fetch.ts";
import { fetchPiece } from "./commands/fetch-piece.ts";
import { list } from "./commands/list.ts";
import { ANSWER_MS, idle, notify, wait } from "./commands/listen.ts";
import { quota } from "./commands/quota.ts";
import { replace } from "./commands/replace.ts";
import { search, searchCount, searchWindow, type Window } from "./commands/search.ts";
import { select } from "./commands/select.ts";
import { sort } from "./commands/sort.ts";
import { mailboxIdOf, status } from "./commands/status.ts";
import { store } from "./commands/store.ts";
import { subscribe } from "./commands/subscribe.ts";
import { thread } from "./commands/thread.ts";
import type { Connection } from "./connection.ts";
import { MailboxNames } from "./names.ts";
import { tellNews } from "./news.ts";
import type {
  Abilities,
  Copied,
  Appended,
  AppendedAll,
  AppendItems,
  FetchedMessage,
  FetchItems,
  FetchRange,
  FlagChange,
  ListedMailbox,
  MailboxNews,
  MailboxStatus,
  Namespace,
  OpenSession,
  SearchKey,
  SelectedMailbox,
  SortKey,
  Stored,
  ThreadAlgorithm,
  WritableMailbox,
} from "./session.ts";

/** A server that does not say goodbye is not waited for. */
const LOGOUT_MS = 5_000;

/** The port over one connection. It remembers which mailbox is selected, and names that are written oddly. */
export class Session implements OpenSession {
  readonly abilities: Abilities;
  readonly personal: Namespace;
  private view: Omit<SelectedMailbox, "messages"> | null = null;
  /** How many messages the selected mailbox has, as told last. */
  private exists = 0;
  private isWritable = false;
  news: MailboxNews | null = null;
  /** Null: not tried yet. It can only be enabled before the first mailbox is opened (RFC 5161 section 3.1). */
  private byUid: boolean | null = null;
  private onNews: (() => void) | null = null;
  private notifies = false;
  private readonly wire: Connection;
  private readonly names = new MailboxNames();
  private readonly prefixes: readonly string[];

  /** `prefixes`: of the namespaces that are not the user's own, as octets. */
  constructor(wire: Connection, abilities: Abilities, prefixes: readonly string[], personal: Namespace) {
    this.wire = wire;
    this.abilities = abilities;
    this.prefixes = prefixes;
    this.personal = personal;
    wire.onData = (response) => {
      // How many messages there are is told unasked, with whatever else is under way (RFC 9051 sections 7.4.1 and 7.5.1).
      this.exists = tellNews(response, this.exists, this.news);
      this.onNews?.();
    };
  }

  get selected(): string | null {
    return this.view?.path ?? null;
  }

  get writable(): boolean {
    return this.view !== null && this.isWritable;
  }

  get selectedUidValidity(): number | null {
    return this.view?.uidValidity ?? null;
  }

  get tellsByUid(): boolean {
    return this.byUid === true;
  }

  get usable(): boolean {
    return this.wire.usable;
  }

  list(options: { counters: boolean }): Promise<ListedMailbox[]> {
    return list(this.wire, this.abilities, this.names, { ...options, prefixes: this.prefixes });
  }

  status(path: string): Promise<MailboxStatus | null> {
    return status(this.wire, this.abilities, this.names, path);
  }

  async mailboxId(path: string): Promise<string | null> {
    return this.abilities.objectId ? mailboxIdOf(this.wire, this.names, path) : null;
  }

  async examine(path: string, news?: MailboxNews): Promise<SelectedMailbox | null> {
    return this.open(false, news, (options) => examine(this.wire, this.abilities, this.names, path, options));
  }

  async select(path: string): Promise<WritableMailbox | null> {
    return this.open(true, undefined, () => select(this.wire, this.abilities, this.names, path));
  }

  private async open<T extends SelectedMailbox>(
    isWritable: boolean,
    news: MailboxNews | undefined,
    send: (options: OpenOptions) => Promise<T | null>,
  ): Promise<T | null> {
    this.byUid ??= this.abilities.qresync && (await enable(this.wire, "QRESYNC"));
    const hadSelected = this.leave();
    const since = this.byUid ? (news?.since ?? null) : null;
    // What is said before the mailbox that was selected is closed is of that one (RFC 9051 section 7.1).
    const onOpen = (): void => {
      this.news = news ?? null;
      news?.opening(this.tellsByUid, since !== null);
    };
    try {
      const opened = await send({ since, hadSelected, onOpen });
      this.view = opened;
      this.isWritable = isWritable;
      return opened;
    } finally {
      if (this.view === null) this.leave();
    }
  }

  /** Whether a mailbox was selected. One that cannot be opened leaves nothing selected (RFC 9051 section 6.3.2). */
  private leave(): boolean {
    const hadSelected = this.view !== null;
    const { news } = this;
    this.view = null;
    this.news = null;
    news?.ended();
    return hadSelected;
  }

  store(uids: readonly number[], change: FlagChange, unchangedSince?: bigint): Promise<Stored> {
    return store(this.wire, this.abilities, uids, change, unchangedSince);
  }

  copy(uids: readonly number[], path: string): Promise<Copied | null> {
    return copy(this.wire, this.names, uids, path);
  }

  move(uids: readonly number[], path: string): Promise<Copied | null> {
    return move(this.wire, this.names, uids, path);
  }

  expunge(uids: readonly number[]): Promise<void> {
    return uidExpunge(this.wire, uids);
  }

  expungeAll(): Promise<void> {
    return expunge(this.wire);
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.wire, this.names, from, to);
  }

  async remove(path: string): Promise<void> {
    await remove(this.wire, this.names, path);
  }

  async refresh(path: string): Promise<SelectedMailbox | null> {
    if (this.view?.path !== path) return null;
    const asOf = Date.now();
    await this.noop();
    return this.view && { ...this.view, messages: this.exists, asOf };
  }

  fetch(range: FetchRange, items: FetchItems): Promise<FetchedMessage[]> {
    return fetch(this.wire, this.abilities, range, items);
  }

  fetchPiece(uid: number, section: string, offset: number, length: number): Promise<Uint8Array | null> {
    return fetchPiece(this.wire, uid, section, offset, length);
  }

  search(key: SearchKey): Promise<number[]> {
    return search(this.wire, this.abilities, key);
  }

  searchCount(key: SearchKey): Promise<number> {
    return searchCount(this.wire, this.abilities, key);
  }

  searchWindow(key: SearchKey, window: Window): Promise<{ uids: number[]; total: number }> {
    return searchWindow(this.wire, this.abilities, key, window);
  }

  async countUpTo(uid: number): Promise<number> {
    return uid < 1 ? 0 : this.searchCount({ uidRange: { from: 1, to: uid } });
  }

  sort(by: SortKey, key: SearchKey, window: { from: number; to: number }): Promise<{ uids: number[]; total: number }> {
    return sort(this.wire, this.abilities, by, key, window);
  }

  thread(algorithm: ThreadAlgorithm, key: SearchKey): Promise<number[][]> {
    return thread(this.wire, algorithm, key);
  }

  async quota(path: string): Promise<{ root: string; resource: string; used: number; limit: number }[]> {
    return this.abilities.quota ? quota(this.wire, this.names, path) : [];
  }

  async noop(): Promise<void> {
    await this.wire.run({ name: "NOOP", parts: ["NOOP"] });
  }

  append(path: string, items: AppendItems): Promise<Appended | null> {
    return append(this.wire, this.abilities, this.names, path, items);
  }

  appendAll(path: string, messages: readonly AppendItems[]): Promise<AppendedAll | null> {
    return appendAll(this.wire, this.abilities, this.names, path, messages);
  }

  create(path: string, role?: string): Promise<void> {
    return create(this.wire, this.abilities, path, role);
  }

  subscribe(path: string): Promise<void> {
    return subscribe(this.wire, this.names, path, "SUBSCRIBE");
  }

  unsubscribe(path: string): Promise<void> {
    return subscribe(this.wire, this.names, path, "UNSUBSCRIBE");
  }

  replace(path: string, uid: number, items: AppendItems): Promise<Appended | null> {
    return replace(this.wire, this.names, path, uid, items);
  }

  changedSince(modseq: bigint): Promise<FetchedMessage[]> {
    return changedSince(this.wire, modseq);
  }

  async vanishedSince(modseq: bigint, upTo: number): Promise<number[] | null> {
    return this.tellsByUid ? vanishedSince(this.wire, modseq, upTo) : null;
  }

  async listen(onNews: () => void, until: AbortSignal, answerMs = ANSWER_MS): Promise<void> {
    this.onNews = onNews;
    try {
      if (this.abilities.idle) await idle(this.wire, until, answerMs);
      else await wait(this.wire, until, answerMs);
    } finally {
      this.onNews = null;
    }
  }

  async notify(isOn: boolean): Promise<boolean> {
    if (isOn !== this.notifies) this.notifies = this.abilities.notify && (await notify(this.wire, isOn)) && isOn;
    return this.notifies;
  }

  async logout(): Promise<void> {
    if (this.usable)
      await this.wire.run({ name: "LOGOUT", parts: ["LOGOUT"], timeoutMs: LOGOUT_MS }).catch(() => undefined);
    this.close();
  }

  close(): void {
    this.wire.close();
  }
}
