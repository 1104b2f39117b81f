import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getArgumentValues,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from "graphql";
import { fragmentsOf, LIMITS, tooCostly } from "./limits.ts";
import { isIncluded } from "./selection.ts";

/** What answering takes at most, for one thing whose fields are selected. */
interface Cost {
  /** Calls that may reach a mail server. */
  calls: number;
  /** Calls that are made once for an account, however many of its things ask for them. */
  shared: number;
  /** Messages that lists give. */
  messages: number;
}

interface Price {
  calls?: number;
  shared?: number;
  /** How many of what is below there may be, where the arguments do not tell. */
  usual?: number;
  /** What is below are messages. Their fields cost nothing of their own: a list brings them along for all of them. */
  messages?: true;
}

const list: Price = { calls: 1, usual: 50, messages: true };

/** Fields that cost something, by type and name. */
const prices: Readonly<Record<string, Price>> = {
  "Query.node": { calls: 1 },
  "Query.accounts": { usual: 50 },
  "Account.mailboxes": { shared: 1, usual: 20 },
  "Account.mailbox": { calls: 1 },
  "Account.messages": list,
  "Account.message": { calls: 1 },
  "Account.quota": { calls: 1 },
  "Account.thread": { calls: 1 },
  "Mailbox.messages": list,
  "Thread.messages": list,
  "Subscription.messages": list,
  "Thread.threadIds": { calls: 1 },
  "Message.mailbox": { shared: 1 },
  "Mutation.registerAccount": { calls: 1 },
  "Mutation.updateAccount": { calls: 1 },
  "Mutation.deleteAccount": { calls: 1 },
  "Mutation.updateMessages": { calls: 1 },
  "Mutation.moveMessages": { calls: 1 },
  "Mutation.copyMessages": { calls: 1 },
  "Mutation.deleteMessages": { calls: 1 },
  "Mutation.batchMessages": { calls: 1 },
  "Mutation.emptyMailbox": { calls: 1 },
  "Mutation.appendMessage": { calls: 1 },
  "Mutation.replaceMessage": { calls: 1 },
  "Mutation.importMessages": { calls: 1 },
  "Mutation.createMailbox": { calls: 1 },
  "Mutation.updateMailbox": { calls: 1 },
  "Mutation.deleteMailbox": { calls: 1 },
  "Mutation.cancelJob": { calls: 1 },
  "Query.job": { calls: 1 },
  "ChangeResult.message": { shared: 1 },
  "ImportResult.message": { shared: 1 },
};

const free: Price = {};
const nothing: Cost = { calls: 0, shared: 0, messages: 0 };

export interface Costed {
  schema: GraphQLSchema;
  document: DocumentNode;
  operation: OperationDefinitionNode;
  /** Coerced, with the defaults of those that were not given. */
  variables: Readonly<Record<string, unknown>>;
}

/** Throws `query-too-costly` for an operation that may ask too much of mail servers: counted before anything runs. */
export function limitCost(costed: Costed): void {
  const root = costed.schema.getRootType(costed.operation.operation);
  if (!root) return;
  const { calls, shared, messages } = new Costs(costed).of(costed.operation.selectionSet, root);
  if (calls + shared > LIMITS.calls)
    throw tooCostly(`The query may reach mail servers more than ${LIMITS.calls} times. Ask for fewer things at once.`);
  if (messages > LIMITS.messages)
    throw tooCostly(`The query may list more than ${LIMITS.messages} messages. Ask for smaller pages.`);
}

type Composite = Pick<GraphQLObjectType, "name" | "getFields">;

class Costs {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  private readonly known = new Map<string, Cost>();
  private readonly costed: Costed;

  constructor(costed: Costed) {
    this.costed = costed;
    this.fragments = fragmentsOf(costed.document);
  }

  of({ selections }: SelectionSetNode, type: Composite): Cost {
    return selections
      .filter((selection) => isIncluded(this.costed.variables, selection))
      .map((selection) => {
        if (selection.kind === "Field") return this.ofField(selection, type);
        if (selection.kind === "FragmentSpread") return this.ofFragment(selection.name.value);
        const condition = selection.typeCondition;
        return this.of(selection.selectionSet, condition ? this.composite(condition.name.value, type) : type);
      })
      .reduce(sum, nothing);
  }

  /** Once for each: a fragment costs the same wherever it is spread. */
  private ofFragment(name: string): Cost {
    const known = this.known.get(name);
    const fragment = this.fragments.get(name);
    if (known || !fragment) return known ?? nothing;
    const type = this.composite(fragment.typeCondition.name.value, null);
    const cost = type ? this.of(fragment.selectionSet, type) : nothing;
    this.known.set(name, cost);
    return cost;
  }

  private ofField(node: FieldNode, parent: Composite): Cost {
    const name = node.name.value;
    const field = parent.getFields()[name];
    if (!field) return nothing;
    const price = prices[`${parent.name}.${name}`] ?? free;
    const times = price.usual === undefined ? 1 : (this.sizeOf(field, node) ?? price.usual);
    const type = this.composite(getNamedType(field.type).name, null);
    const below = node.selectionSet && type ? this.of(node.selectionSet, type) : nothing;
    return {
      calls: (price.calls ?? 0) + below.calls * times,
      shared: (price.shared ?? 0) + below.shared * (name === "accounts" ? times : 1),
      messages: (price.messages ? times : 0) + below.messages * times,
    };
  }

  /** How many the arguments ask for; what no page can have is for the resolver to refuse. */
  private sizeOf(field: GraphQLField<unknown, unknown>, node: FieldNode): number | null {
    const { first, last } = getArgumentValues(field, node, this.costed.variables);
    const size = first ?? last;
    return typeof size === "number" && size > 0 ? Math.min(size, 200) : null;
  }

  private composite<T extends Composite | null>(name: string, otherwise: T): Composite | T {
    const type = this.costed.schema.getType(name);
    return isObjectType(type) || isInterfaceType(type) ? type : otherwise;
  }
}

function sum(one: Cost, other: Cost): Cost {
  return {
    calls: one.calls + other.calls,
    shared: one.shared + other.shared,
    messages: one.messages + other.messages,
  };
}
