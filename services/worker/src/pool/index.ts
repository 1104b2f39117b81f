export { type Lease, Pool } from "./pool.ts";
