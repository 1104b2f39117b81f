export { createImages, type Image, type Images } from "./images.ts";
