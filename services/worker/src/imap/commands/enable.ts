import { isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { octetsOf } from "../response.ts";

/** ENABLE (RFC 5161). Whether it is enabled now: a server may leave out what it does not like, or refuse. */
export async function enable(connection: Connection, extension: string): Promise<boolean> {
  let enabled = false;
  try {
    await connection.run({
      name: "ENABLE",
      parts: [`ENABLE ${extension}`],
      onData: ({ name, values }) => {
        if (name !== "ENABLED") return;
        enabled ||= values.some((value) => octetsOf(value)?.toUpperCase() === extension);
      },
    });
    return enabled;
  } catch (error) {
    if (isFailure(error) && error.upstream !== undefined && connection.usable) return false;
    throw error;
  }
}
