import type { Call, Mail } from "@postern/protocol";
import type { Store } from "@postern/store";
import type { Identity } from "../access/index.ts";
import type { ShowHtml } from "../http/shown-html.ts";
import type { Live, Watchdog } from "../live/index.ts";
import type { Loaders } from "./loaders.ts";

/** What the resolvers of one request share. */
export interface Context {
  mail: Mail;
  accounts: Pick<Store["accounts"], "idOfKey">;
  identity: Identity;
  call: Call;
  loaders: Loaders;
  showHtml: ShowHtml;
  /** The address that clients see, where it is configured. */
  publicUrl: string | undefined;
  operationName: string | undefined;
  /** Only queries may run: it came by GET. */
  isSafe: boolean;
}

/** What the resolvers of one subscription share, for as long as it lasts. */
export interface SubscriptionContext extends Context {
  live: Live;
  watchdog: Watchdog;
  /** Each thing that is told is an answer of its own: another call, and loaders that have loaded nothing. */
  renew(): void;
  /** Cuts off who does not read. */
  cut(): void;
}
