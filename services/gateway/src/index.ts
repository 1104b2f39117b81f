export { type FaceConfig, faceConfig, faceVariables } from "./config.ts";
export { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
