//! Items of a file: names, functions with their length, imports, modules, and what only tests see.
//! What macros make of their bodies is not seen here.

use std::ops::RangeInclusive;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, Meta, UseTree};

use super::{Facts, Function, Import, Name};

pub fn collect(file: &syn::File, text: &str, facts: &mut Facts) {
    let mut collector = Collector { facts, text: text.lines().collect() };
    if is_test(&file.attrs) {
        collector.facts.tests.push(1..=collector.text.len());
    }
    collector.visit_file(file);
}

struct Collector<'a> {
    facts: &'a mut Facts,
    text: Vec<&'a str>,
}

impl Collector<'_> {
    fn name(&mut self, kind: &'static str, ident: &Ident) {
        let name = ident.to_string().trim_start_matches("r#").to_owned();
        self.facts.names.push(Name { kind, name, line: line(ident) });
    }

    fn function(&mut self, ident: &Ident, block: &Block) {
        let braces = block.brace_token.span;
        let (open, close) = (braces.open().start().line, braces.close().start().line);
        let interior = self.text.get(open..close.saturating_sub(1)).unwrap_or_default();
        let code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = interior.iter().filter(code).count().max(1);
        self.facts.functions.push(Function { name: ident.to_string(), line: line(ident), lines });
    }

    fn imports(&mut self, tree: &UseTree, path: &mut Vec<String>) {
        let (leaf, alias) = match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.imports(&part.tree, path);
                path.pop();
                return;
            }
            UseTree::Group(group) => {
                for item in &group.items {
                    self.imports(item, path);
                }
                return;
            }
            UseTree::Name(name) => (&name.ident, name.ident.to_string()),
            UseTree::Rename(rename) => (&rename.ident, rename.rename.to_string()),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.facts.imports.push(Import { path: path.clone(), alias: "*".to_owned(), line });
                return;
            }
        };
        let mut whole = path.clone();
        // `use a::{self}` names `a` itself.
        let alias = if leaf == "self" && !whole.is_empty() {
            whole.last().cloned().filter(|_| alias == "self").unwrap_or(alias)
        } else {
            whole.push(leaf.to_string());
            alias
        };
        self.facts.imports.push(Import { path: whole, alias, line: line(leaf) });
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if let Some((attrs, ident, end)) = parts(item).filter(|(attrs, ..)| is_test(attrs)) {
            let start = attrs.first().map_or(line(ident), |first| first.pound_token.span.start().line);
            self.facts.tests.push(start..=end.max(line(ident)));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.name("module", &module.ident);
        let name = module.ident.to_string();
        if let Some((braces, _)) = &module.content {
            self.facts.places.push((name, range(braces.span)));
        } else {
            self.facts.modules.push((name, is_test(&module.attrs)));
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imports(&item.tree, &mut Vec::new());
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.name("function", &item.sig.ident);
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        // The names in another's contract are not ours to choose.
        if item.trait_.is_none() {
            for member in &item.items {
                match member {
                    syn::ImplItem::Fn(function) => self.name("function", &function.sig.ident),
                    syn::ImplItem::Const(constant) => self.name("constant", &constant.ident),
                    _ => {}
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.name("function", &item.sig.ident);
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_trait_item_type(&mut self, item: &'ast syn::TraitItemType) {
        self.name("type", &item.ident);
        visit::visit_trait_item_type(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name("type", &item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name("type", &item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.name("type", &item.ident);
        visit::visit_item_union(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name("type", &item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name("trait", &item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.name("constant", &item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.name("static", &item.ident);
        visit::visit_item_static(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if let Some(ident) = &item.ident {
            self.name("macro", ident);
        }
        visit::visit_item_macro(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(ident) = &field.ident {
            self.name("field", ident);
        }
        visit::visit_field(self, field);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.name("variant", &variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let at = attribute.pound_token.span.start().line;
        if attribute.path().is_ident("ignore") {
            self.facts.ignored.push(at);
        }
        if let Meta::List(list) = &attribute.meta
            && list.path.is_ident("cfg_attr")
            && idents(list.tokens.clone()).iter().any(|ident| ident == "ignore")
        {
            self.facts.ignored.push(at);
        }
        visit::visit_attribute(self, attribute);
    }
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}

fn range(braces: proc_macro2::extra::DelimSpan) -> RangeInclusive<usize> {
    braces.open().start().line..=braces.close().start().line
}

/// Attributes, name and last line of an item that can be marked for tests alone.
fn parts(item: &Item) -> Option<(&[Attribute], &Ident, usize)> {
    match item {
        Item::Mod(item) => {
            let end = item.content.as_ref().map_or(0, |(braces, _)| *range(braces.span).end());
            Some((&item.attrs, &item.ident, end))
        }
        Item::Fn(item) => Some((&item.attrs, &item.sig.ident, *range(item.block.brace_token.span).end())),
        Item::Impl(item) => {
            let end = *range(item.brace_token.span).end();
            let syn::Type::Path(own) = item.self_ty.as_ref() else { return None };
            Some((&item.attrs, &own.path.segments.last()?.ident, end))
        }
        _ => None,
    }
}

/// `#[test]` in any spelling (`tokio::test`), `#[cfg(test)]`, `#[cfg(all(test, …))]`; not `any` or `not`.
fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let words = idents(list.tokens.clone());
            words.first().is_some_and(|first| first == "test")
                || words.first().is_some_and(|first| first == "all")
                    && words.iter().any(|word| word == "test")
        }
        meta => meta.path().segments.last().is_some_and(|segment| segment.ident == "test"),
    })
}

/// All identifiers of a token stream, in order, except those within `not(…)`.
fn idents(stream: TokenStream) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) if found.last().is_none_or(|last| last != "not") => {
                found.extend(idents(group.stream()));
            }
            _ => {}
        }
    }
    found
}
