export { type ConnectMailOptions, connectMail, type FarMail, NotReached } from "./client.ts";
export { type RouteOptions, rank, routeMail, type WorkerAddress } from "./route.ts";
export { serveMail } from "./server.ts";
export { type Announcement, announceWorker, followWorkers, type WorkerList } from "./workers.ts";
