export { createWorkshop } from "./workshop.ts";
