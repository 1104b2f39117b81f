import {
  type DirectiveNode,
  type FieldNode,
  getDirectiveValues,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  type SelectionSetNode,
} from "graphql";

type Info = Pick<GraphQLResolveInfo, "fieldNodes" | "fragments" | "variableValues">;

/**
 * Names of the fields that a query selects below the present one, at the end of one of the paths, through fragments and
 * `@skip` and `@include`. `[]` is the present field itself.
 */
export function selectedAt(info: Info, ...paths: readonly (readonly string[])[]): Set<string> {
  const names = new Set<string>();
  for (const path of paths) {
    let fields: readonly FieldNode[] = info.fieldNodes;
    for (const step of path)
      fields = fields.flatMap((field) => childrenOf(info, field).filter(({ name }) => name.value === step));
    for (const field of fields) for (const child of childrenOf(info, field)) names.add(child.name.value);
  }
  return names;
}

function childrenOf(info: Info, field: FieldNode): FieldNode[] {
  return field.selectionSet ? fieldsOf(info, field.selectionSet) : [];
}

function fieldsOf(info: Info, { selections }: SelectionSetNode): FieldNode[] {
  return selections.flatMap((selection) => {
    if (!isIncluded(info, selection)) return [];
    if (selection.kind === "Field") return [selection];
    if (selection.kind === "InlineFragment") return fieldsOf(info, selection.selectionSet);
    const fragment = info.fragments[selection.name.value];
    return fragment ? fieldsOf(info, fragment.selectionSet) : [];
  });
}

function isIncluded(
  { variableValues }: Info,
  node: { readonly directives?: readonly DirectiveNode[] | undefined },
): boolean {
  if (!node.directives || node.directives.length === 0) return true;
  const directed = { directives: node.directives };
  if (getDirectiveValues(GraphQLSkipDirective, directed, variableValues)?.if === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, directed, variableValues)?.if !== false;
}
