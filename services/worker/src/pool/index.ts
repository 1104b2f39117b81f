export { type Counts, type Lease, Pool } from "./pool.ts";
