export { type AuthservId, readAuthservId } from "./authserv-ids.ts";
export { type Accounts, createAccounts } from "./accounts.ts";
export { syncDeclared } from "./declared.ts";
