export { type Lane, type Lease, Pool, type PoolOptions, type State, type Wish } from "./pool.ts";
