export { type ConnectMailOptions, connectMail, type FarMail, NotReached } from "./client.ts";
export { Misdirected, type WorkerAddress } from "./misdirected.ts";
export { type RouteOptions, rank, routeMail } from "./route.ts";
export { serveMail } from "./server.ts";
export { type Announcement, announceWorker, followWorkers, type WorkerList } from "./workers.ts";
