import { Failure } from "@postern/protocol";
import {
  type ASTNode,
  type ASTVisitor,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Lexer,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValidationContext,
} from "graphql";

export const LIMITS = {
  tokens: 4_000,
  depth: 12,
  aliases: 60,
  /** Calls that may reach a mail server. */
  calls: 250,
  /** Messages that all lists of a query may give together. */
  messages: 5_000,
};

/** Throws `query-too-costly`. What is no GraphQL is for the parser to tell. */
export function limitTokens(text: string): void {
  const lexer = new Lexer(new Source(text));
  try {
    for (let count = 0; lexer.advance().kind !== TokenKind.EOF; count += 1) {
      if (count === LIMITS.tokens) throw tooCostly(`The document has more than ${LIMITS.tokens} tokens.`);
    }
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
  }
}

/** Depth and aliases of a document, looked at once for each document. */
export function documentLimits(context: ValidationContext): ASTVisitor {
  let aliases = 0;
  const report = (message: string, node: ASTNode): void =>
    context.reportError(new GraphQLError(message, { nodes: node, extensions: { code: "query-too-costly" } }));
  return {
    Field: (node) => {
      if (!node.alias) return;
      aliases += 1;
      if (aliases === LIMITS.aliases + 1) report(`The document has more than ${LIMITS.aliases} aliases.`, node);
    },
    OperationDefinition: (node) => {
      if (new Depths(context.getDocument()).of(node.selectionSet) > LIMITS.depth)
        report(`The operation is deeper than ${LIMITS.depth} fields.`, node);
    },
  };
}

export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  const fragments = document.definitions.filter((definition) => definition.kind === "FragmentDefinition");
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
}

/** Each fragment is measured once: spreads within spreads would double the work with every step. */
class Depths {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  private readonly known = new Map<string, number>();

  constructor(document: DocumentNode) {
    this.fragments = fragmentsOf(document);
  }

  /** Introspection is as deep as tools ask it, and costs nothing: it does not count. */
  of(set: SelectionSetNode): number {
    const depths = set.selections.map((selection) => {
      if (selection.kind === "InlineFragment") return this.of(selection.selectionSet);
      if (selection.kind === "FragmentSpread") return this.ofFragment(selection.name.value);
      if (selection.name.value.startsWith("__")) return 0;
      return 1 + (selection.selectionSet ? this.of(selection.selectionSet) : 0);
    });
    return Math.max(0, ...depths);
  }

  private ofFragment(name: string): number {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    // A fragment within itself is another rule's business: here it ends.
    this.known.set(name, 0);
    const fragment = this.fragments.get(name);
    const depth = fragment ? this.of(fragment.selectionSet) : 0;
    this.known.set(name, depth);
    return depth;
  }
}

export function tooCostly(detail: string): Failure {
  return new Failure("query-too-costly", { detail });
}
