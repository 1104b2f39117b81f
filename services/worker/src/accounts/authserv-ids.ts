/** A server's name in Authentication-Results, and the mail host whose accounts may believe it. */
export interface AuthservId {
  host: string;
  name: string;
}

/** `imap.example.org=mx.example.org`. Null for anything else. */
export function readAuthservId(entry: string): AuthservId | null {
  const [, host, name] = /^([a-z0-9._:[\]-]{1,253})=([a-z0-9._-]{1,253})$/i.exec(entry) ?? [];
  return host === undefined || name === undefined ? null : { host: host.toLowerCase(), name: name.toLowerCase() };
}

export function isFor({ host }: AuthservId, mailHost: string): boolean {
  return host === mailHost.toLowerCase();
}

/** Gmail writes its verdicts below its own Received, and takes away what others write in its name. */
export function wellKnown(mailHost: string): string[] {
  return /^imap\.(gmail|googlemail)\.com$/i.test(mailHost) ? ["mx.google.com"] : [];
}
