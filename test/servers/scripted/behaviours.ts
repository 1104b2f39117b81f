import { setTimeout as delay } from "node:timers/promises";
import type { Behaviour, ScriptedConnection } from "./connection.ts";

/** The ways in which servers misbehave, each for `on` of a script. */

/** Never an answer. */
export const silence: Behaviour = () => undefined;

/** The connection is cut. */
export const drop: Behaviour = (connection) => connection.drop();

/** The connection is ended in order, without a word. */
export const hangUp: Behaviour = (connection) => connection.end();

/** Lines before the tagged OK. */
export function tell(...lines: string[]): Behaviour {
  return (connection, { tag, name }) => connection.say(...lines, `${tag} OK ${name} completed`);
}

/** Lines, and no tagged answer. */
export function onlyTell(...lines: string[]): Behaviour {
  return (connection) => connection.say(...lines);
}

/** `no("[OVERQUOTA] Full")`. */
export function no(text: string): Behaviour {
  return (connection, { tag }) => connection.say(`${tag} NO ${text}`);
}

export function bad(text: string): Behaviour {
  return (connection, { tag }) => connection.say(`${tag} BAD ${text}`);
}

/** BYE in place of an answer, and the end. */
export function bye(text: string): Behaviour {
  return async (connection) => {
    await connection.say(`* BYE ${text}`);
    connection.end();
  };
}

/** Octets as they are, and no tagged answer. */
export function write(octets: string): Behaviour {
  return (connection) => connection.write(octets);
}

/** The same octets for ever, as fast as the client takes them. */
export function endless(octets: string): Behaviour {
  return async (connection) => {
    while (connection.open) {
      await connection.write(octets);
      await delay(0);
    }
  };
}

/** One octet at a time, for ever: no watchdog that looks at silence will bark. */
export function dribble(ms: number, octet = "x"): Behaviour {
  return async (connection) => {
    await connection.write("* OK ");
    while (connection.open) {
      await connection.write(octet);
      await delay(ms);
    }
  };
}

/** A literal that is announced and then comes for ever. */
export function giantLiteral(size: number): Behaviour {
  return async (connection, command) => {
    await connection.write(`* 1 FETCH (UID 1 BODY[] {${size}}\r\n`);
    await endless("x".repeat(65_536))(connection, command);
  };
}

/** The first time one way, then another. */
export function inTurn(...behaviours: [Behaviour, ...Behaviour[]]): Behaviour {
  let turn = 0;
  return (connection, command) => {
    const behaviour = behaviours[Math.min(turn, behaviours.length - 1)] ?? behaviours[0];
    turn += 1;
    return behaviour(connection, command);
  };
}

/** The same connection, whose client is gone when the command has been carried out: its answer never comes. */
export function cutAfter(perform: Behaviour): Behaviour {
  return async (connection, command) => {
    await perform(
      saying(connection, async () => undefined),
      command,
    );
    connection.drop();
  };
}

/** The same with other words; what comes to nothing is not said. */
export function reworded(perform: Behaviour, words: (line: string) => string): Behaviour {
  return (connection, command) => {
    const say = (...lines: string[]): Promise<void> =>
      connection.say(...lines.map(words).filter((line) => line !== ""));
    return perform(saying(connection, say), command);
  };
}

function saying(connection: ScriptedConnection, say: ScriptedConnection["say"]): ScriptedConnection {
  return new Proxy(connection, {
    get: (target, name) => (name === "say" ? say : Reflect.get(target, name, target)),
  });
}
