import * as z from "zod";

/** No scope implies another, but `admin`, which does everything. */
export const scope = z.enum(["read", "write", "send", "manage", "admin"]);
export type Scope = z.infer<typeof scope>;
