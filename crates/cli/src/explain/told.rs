//! How an explanation looks: aligned text for people, JSON for programs.
//! The words of the reasons are those of the engine and of the policies.

use std::net::IpAddr;

use maitred_config::Style;
use maitred_proxy::{Explained, ExplainedRoute};
use serde_json::{Value, json};

use crate::arguments::ExplainWords;
use crate::console::paint;

/// So many routes that lost are told of, unless all are asked for.
const LOSERS: usize = 20;

const GREEN: &str = "1;32";
const BOLD: &str = "1";
const DIM: &str = "2";

pub(super) fn json(words: &ExplainWords, client: IpAddr, explained: &Explained) -> Value {
    let routes: Vec<Value> = explained
        .routes
        .iter()
        .map(|route| json!({ "name": route.name, "won": route.won, "why": route.why }))
        .collect();
    let policies: Vec<Value> = explained
        .policies
        .iter()
        .map(|policy| {
            json!({ "phase": policy.phase.as_str(), "name": policy.name, "place": policy.place, "says": policy.says })
        })
        .collect();
    json!({
        "request": { "method": words.method.as_str(), "url": words.url, "client": client },
        "route": explained.route,
        "routes": routes,
        "policies": policies,
        "action": explained.action,
    })
}

pub(super) fn text(words: &ExplainWords, explained: &Explained, all: bool, style: Style) -> String {
    let heading = |text: &str| paint(text, BOLD, style);
    let rows = explained.policies.iter().map(|policy| {
        [policy.phase.as_str().to_owned(), policy.name.clone(), policy.place.clone(), policy.says.clone()]
    });
    let mut lines = vec![format!("{} {}", words.method, words.url), String::new(), heading("Route")];
    lines.extend(routes(explained, all, style));
    lines.extend([String::new(), heading("Policies, in the order in which they run")]);
    lines.extend(table(&rows.collect::<Vec<_>>(), "(none)"));
    lines.extend([String::new(), heading("Action"), format!("  {}", explained.action), String::new()]);
    lines.join("\n")
}

/// The winner first, then those that lost, in the order of their rank.
fn routes(explained: &Explained, all: bool, style: Style) -> Vec<String> {
    let (winners, losers): (Vec<_>, Vec<_>) = explained.routes.iter().partition(|route| route.won);
    let told = if all { losers.len() } else { losers.len().min(LOSERS) };
    let width =
        winners.iter().chain(&losers[..told]).map(|route| route.name.chars().count()).max().unwrap_or(0);
    let line = |route: &ExplainedRoute, mark: &str, colour: &str| {
        let text = format!("{mark} {:width$}  {}", route.name, route.why);
        paint(text.trim_end(), colour, style)
    };
    let mut lines = Vec::new();
    if winners.is_empty() {
        lines.push(paint("> no route matches", GREEN, style));
    }
    lines.extend(winners.iter().map(|route| line(route, ">", GREEN)));
    lines.extend(losers[..told].iter().map(|route| line(route, " ", DIM)));
    if told < losers.len() {
        lines.push(format!("  … and {} more that lost: --all tells of them", losers.len() - told));
    }
    lines
}

/// Rows in columns as wide as their widest cell; the last one is not padded.
fn table<const N: usize>(rows: &[[String; N]], empty: &str) -> Vec<String> {
    if rows.is_empty() {
        return vec![format!("  {empty}")];
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("  {cell:width$}"));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
