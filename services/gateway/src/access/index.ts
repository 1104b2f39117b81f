export { canSee, type Identity, requireAccount, requireScope } from "./identity.ts";
export { createTickets } from "./tickets.ts";
export { type Access, createAccess, NO_SUCH_ACCOUNTS, noSuchAccountAt } from "./tokens.ts";
