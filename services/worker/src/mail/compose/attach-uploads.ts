import { type Draft, Failure } from "@postern/protocol";
import type { UploadRecord, UploadStore } from "@postern/store";
import type { Core } from "../core.ts";
import type { LetterAttachment } from "../ports.ts";

type Attached = NonNullable<Draft["attachments"]>[number];

/** What was uploaded, as parts of a message. Throws `invalid-request` for each that is not there. */
export async function attachUploads(
  { uploads }: Core,
  account: string,
  attached: readonly Attached[],
): Promise<LetterAttachment[]> {
  const records = await Promise.all(attached.map(({ upload }) => uploads.get(account, upload)));
  const errors = records.flatMap((record, index) =>
    record ? [] : [{ path: `attachments.${index}.upload`, message: "is no upload, or is there no more" }],
  );
  if (errors.length > 0) throw new Failure("invalid-request", { detail: "An attachment is missing.", errors });
  return records.flatMap((record, index): LetterAttachment[] => {
    const wanted = attached[index];
    return record && wanted ? [attach(uploads, account, record, wanted)] : [];
  });
}

function attach(
  uploads: UploadStore,
  account: string,
  record: UploadRecord,
  { filename, contentType, contentId, inline }: Attached,
): LetterAttachment {
  return {
    filename: filename ?? record.filename,
    contentType: contentType ?? record.contentType,
    contentId: contentId ?? null,
    inline: inline ?? contentId !== undefined,
    octets: () => octetsOfUpload(uploads, account, record),
  };
}

export async function* octetsOfUpload(
  uploads: UploadStore,
  account: string,
  { id, size }: UploadRecord,
): AsyncGenerator<Uint8Array> {
  let left = size;
  for (let number = 0; left > 0; number += 1) {
    const piece = await uploads.piece(account, id, number);
    if (!piece) throw new Failure("not-found", { detail: `The upload ${id} is not there any more.`, outcome: "none" });
    left -= piece.length;
    yield piece;
  }
}
