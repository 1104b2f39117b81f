export { canSee, type Identity, noSuchAccount, requireAccount, requireScope } from "./identity.ts";
export { type Access, createAccess, type ShownToken, type TokenRequest } from "./tokens.ts";
