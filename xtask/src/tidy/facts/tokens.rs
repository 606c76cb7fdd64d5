//! Tokens of a file: paths outside `use`, `unsafe`, and calls of macros, within macro bodies too.
//! What a token means (an item, a type) is not known here.

use proc_macro2::{TokenStream, TokenTree};

use super::{Facts, PathUse};

pub fn collect(stream: TokenStream, facts: &mut Facts) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Group(group) => collect(group.stream(), facts),
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                if *ident == "use" && !is_punct(trees.get(at + 1), '<') {
                    at = end_of_statement(&trees, at);
                    continue;
                }
                if *ident == "unsafe" {
                    facts.unsafes.push(line);
                }
                let (segments, next) = path(&trees, at);
                let call = is_punct(trees.get(next), '!') && !is_punct(trees.get(next + 1), '=');
                if call && let Some(last) = segments.last() {
                    facts.macros.push((line, last.clone()));
                }
                if segments.len() > 1 {
                    facts.paths.push(PathUse { segments, line });
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
}

/// The identifiers joined by `::` from `at` on, and where they end.
fn path(trees: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    while let Some(TokenTree::Ident(ident)) = trees.get(at) {
        segments.push(ident.to_string());
        at += 1;
        if !(is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':')) {
            break;
        }
        if !matches!(trees.get(at + 2), Some(TokenTree::Ident(_))) {
            break;
        }
        at += 2;
    }
    (segments, at)
}

fn is_punct(tree: Option<&TokenTree>, sign: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn end_of_statement(trees: &[TokenTree], from: usize) -> usize {
    let length = trees[from..].iter().take_while(|tree| !is_punct(Some(tree), ';')).count();
    from + length
}
