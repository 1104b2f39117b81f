export { backgroundCall } from "./background-call.ts";
export { wants } from "./filter.ts";
export { stateExpired } from "./follower.ts";
export { createLive, type Live, type Opened } from "./live.ts";
export { merged } from "./merged.ts";
export { createWatchdog, type Watchdog } from "./watchdog.ts";
export { SseStream } from "./sse.ts";
export { PositionVector } from "./vector.ts";
