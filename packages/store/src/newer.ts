/** Thrown at start. Going on would damage what a newer Postern wrote. */
export class NewerStoreError extends Error {
  override name = "NewerStoreError";

  constructor(found: number, known: number) {
    super(
      `The store was written by a newer Postern: its version is ${found}, this one knows up to ${known}. ` +
        "Start the newer version, or restore a backup that was made before it ran.",
    );
  }
}
