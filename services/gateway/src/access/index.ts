export { canSee, type Identity, requireAccount, requireScope } from "./identity.ts";
export { type Access, createAccess } from "./tokens.ts";
