import {
  type DirectiveNode,
  type FieldNode,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  isAbstractType,
  isObjectType,
  type NamedTypeNode,
  type SelectionSetNode,
} from "graphql";

type Info = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments" | "variableValues" | "schema">;
type Variables = Readonly<Record<string, unknown>>;

/**
 * Names of the fields that a query selects of the present one, which is of this object type, at the end of one of the
 * paths; `[]` is the present field itself. Just what execution would collect: fragments of other types, and what `@skip`
 * and `@include` leave out, are not in it. Where an argument decides what is to be fetched, it is written behind the name:
 * `html(remoteImages: keep)`.
 */
export function selectedAt(info: Info, typeName: string, ...paths: readonly (readonly string[])[]): Set<string> {
  const names = paths.flatMap((path) => {
    let level: Level | null = { fields: info.fieldNodes, type: objectType(info, typeName) };
    for (const step of path) level = level && below(info, level, step);
    return level ? childrenOf(info, level).map((field) => spelled(info, level, field)) : [];
  });
  return new Set(names);
}

function spelled({ variableValues }: Info, { type }: Level, field: FieldNode): string {
  const name = field.name.value;
  const definition = type?.getFields()[name];
  if (!definition || !field.arguments?.length) return name;
  const { remoteImages = "block" } = getArgumentValues(definition, field, variableValues);
  return remoteImages === "block" ? name : `${name}(remoteImages: ${String(remoteImages)})`;
}

/** Fields that are answered together, and the type of what they give. */
interface Level {
  fields: readonly FieldNode[];
  type: GraphQLObjectType | null;
}

function below(info: Info, level: Level, step: string): Level | null {
  const field = level.type?.getFields()[step];
  if (!field) return null;
  return {
    fields: childrenOf(info, level).filter(({ name }) => name.value === step),
    type: objectType(info, getNamedType(field.type).name),
  };
}

function objectType({ schema }: Info, name: string): GraphQLObjectType | null {
  const type = schema.getType(name);
  return isObjectType(type) ? type : null;
}

function childrenOf(info: Info, { fields, type }: Level): FieldNode[] {
  const collector = new Collector(info, type);
  for (const { selectionSet } of fields) if (selectionSet) collector.collect(selectionSet);
  return collector.found;
}

/** Each fragment is gone through once, however often it is spread: spreads within spreads double with every step. */
class Collector {
  readonly found: FieldNode[] = [];
  private readonly spread = new Set<string>();
  private readonly info: Info;
  private readonly type: GraphQLObjectType | null;

  constructor(info: Info, type: GraphQLObjectType | null) {
    this.info = info;
    this.type = type;
  }

  collect({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (!isIncluded(this.info.variableValues, selection)) continue;
      if (selection.kind === "Field") this.found.push(selection);
      else if (selection.kind === "FragmentSpread") this.collectSpread(selection.name.value);
      else if (this.applies(selection.typeCondition)) this.collect(selection.selectionSet);
    }
  }

  private collectSpread(name: string): void {
    const fragment = this.info.fragments[name];
    if (!fragment || this.spread.has(name)) return;
    this.spread.add(name);
    if (this.applies(fragment.typeCondition)) this.collect(fragment.selectionSet);
  }

  private applies(condition: NamedTypeNode | undefined): boolean {
    if (!condition || !this.type || condition.name.value === this.type.name) return true;
    const type = this.info.schema.getType(condition.name.value);
    return isAbstractType(type) && this.info.schema.isSubType(type, this.type);
  }
}

/** Whether `@skip` and `@include` let it be, with these coerced variables. */
export function isIncluded(
  variables: Variables,
  node: { readonly directives?: readonly DirectiveNode[] | undefined },
): boolean {
  if (!node.directives || node.directives.length === 0) return true;
  const directed = { directives: node.directives };
  if (getDirectiveValues(GraphQLSkipDirective, directed, variables)?.if === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, directed, variables)?.if !== false;
}
