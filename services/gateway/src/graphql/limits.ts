import { Failure } from "@postern/protocol";
import {
  type ASTVisitor,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from "graphql";

export const LIMITS = {
  tokens: 4_000,
  depth: 12,
  aliases: 60,
  /** Calls that may reach a mail server. */
  cost: 250,
};

/** Depth and aliases of a document, looked at once for each document. */
export function documentLimits(context: ValidationContext): ASTVisitor {
  let aliases = 0;
  return {
    Field: (node) => {
      if (!node.alias) return;
      aliases += 1;
      if (aliases === LIMITS.aliases + 1)
        context.reportError(new GraphQLError(`More than ${LIMITS.aliases} aliases.`, { nodes: node }));
    },
    OperationDefinition: (node) => {
      if (depthOf(node.selectionSet, fragmentsOf(context.getDocument()), new Set()) > LIMITS.depth) {
        context.reportError(new GraphQLError(`Deeper than ${LIMITS.depth}.`, { nodes: node }));
      }
    },
  };
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

function fragmentsOf(document: DocumentNode): Fragments {
  const fragments = document.definitions.filter((definition) => definition.kind === "FragmentDefinition");
  return new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
}

/** Introspection is as deep as tools ask it, and costs nothing: it does not count. */
function depthOf(set: SelectionSetNode, fragments: Fragments, within: ReadonlySet<string>): number {
  const depths = set.selections.map((selection) => {
    if (selection.kind === "Field") {
      if (selection.name.value.startsWith("__")) return 0;
      return 1 + (selection.selectionSet ? depthOf(selection.selectionSet, fragments, within) : 0);
    }
    if (selection.kind === "InlineFragment") return depthOf(selection.selectionSet, fragments, within);
    const { value } = selection.name;
    const fragment = within.has(value) ? undefined : fragments.get(value);
    return fragment ? depthOf(fragment.selectionSet, fragments, new Set([...within, value])) : 0;
  });
  return Math.max(0, ...depths);
}

/** Fields that make a call to a mail server, and how many there may be below a list. */
const calls = new Set([
  "mailboxes",
  "mailbox",
  "messages",
  "message",
  "quota",
  "node",
  "registerAccount",
  "updateAccount",
]);
const lists: Readonly<Record<string, number>> = { accounts: 50, mailboxes: 20 };

/**
 * Throws `query-too-costly` for an operation that may reach mail servers too often: counted before anything runs. Fields
 * of a message cost nothing of their own, since a list brings them along for all of its messages.
 */
export function limitCost(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const counter = new CostCounter(fragmentsOf(document), variables);
  counter.count(operation.selectionSet, 1, new Set());
}

class CostCounter {
  private cost = 0;
  private readonly fragments: Fragments;
  private readonly variables: Readonly<Record<string, unknown>>;

  constructor(fragments: Fragments, variables: Readonly<Record<string, unknown>>) {
    this.fragments = fragments;
    this.variables = variables;
  }

  count(set: SelectionSetNode, times: number, within: ReadonlySet<string>): void {
    for (const selection of set.selections) {
      if (selection.kind === "Field") this.countField(selection, times, within);
      else if (selection.kind === "InlineFragment") this.count(selection.selectionSet, times, within);
      else this.countFragment(selection.name.value, times, within);
    }
  }

  private countFragment(name: string, times: number, within: ReadonlySet<string>): void {
    const fragment = within.has(name) ? undefined : this.fragments.get(name);
    if (fragment) this.count(fragment.selectionSet, times, new Set([...within, name]));
  }

  private countField(field: FieldNode, times: number, within: ReadonlySet<string>): void {
    const name = field.name.value;
    if (calls.has(name)) this.cost += times;
    if (this.cost > LIMITS.cost) throw tooCostly();
    const usual = lists[name];
    const below = usual === undefined ? times : times * (this.first(field) ?? usual);
    if (field.selectionSet) this.count(field.selectionSet, below, within);
  }

  private first(field: FieldNode): number | undefined {
    const value = field.arguments?.find((argument) => argument.name.value === "first")?.value;
    if (value?.kind === "IntValue") return Number(value.value);
    const given = value?.kind === "Variable" ? this.variables[value.name.value] : undefined;
    return typeof given === "number" ? given : undefined;
  }
}

function tooCostly(): Failure {
  return new Failure("query-too-costly", {
    detail: `The query may reach mail servers more than ${LIMITS.cost} times. Ask for fewer things at once.`,
  });
}
