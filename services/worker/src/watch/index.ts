export { tellOfChanges } from "./tell-of-changes.ts";
export { createWatch, type Watch } from "./watch.ts";
