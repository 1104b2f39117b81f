export { isAllowance } from "./address.ts";
export { closeIfDone } from "./connections.ts";
export { ConfigurationError, commaList, type Environment, logLevel, portNumber, readEnvironment } from "./env.ts";
export { createLogger, type Logger } from "./log.ts";
export { type Running, runService } from "./run.ts";
export { clusterSecret, readKeyRing } from "./secrets.ts";
export { resolveAll, type Vetting, vetHost } from "./vet-host.ts";
export { type SpanFacts, startTracing, type Tracing } from "./tracing.ts";
