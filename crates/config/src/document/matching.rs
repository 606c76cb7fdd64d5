//! `match`: which requests a route takes, in its short and its long form.
//! The patterns are read here; how they are compared and which of two wins is the router's business. CEL is compiled later.

use ipnet::IpNet;

use super::Condition;
use super::action::check_header_names;
use crate::config_map;
use crate::node::{Entry, Map, Node, Value};
use crate::problem::Problem;
use crate::read::{Fields, Method, Named, Reader, Spanned};
use crate::scalar::{HostPattern, PathPattern, Piece, match_line};

config_map! {
    /// Which requests a route takes: those that fit everything that is named. A text is `[METHOD[,METHOD]] [host]/path`.
    #[short = Match::from_line]
    #[check = Match::check]
    pub struct Match {
        /// The hosts: `api.example.com`, or `*.example.com` for all below it. Without it, every host.
        host: Vec<Spanned<HostPattern>>,
        /// The paths: `/users`, `/users/*`, `/users/{id}`, `/files/{*rest}`, or a regular expression after `~`.
        path: Vec<Spanned<PathPattern>> = "/*",
        /// The methods; GET includes HEAD. Without it, every method.
        methods: Vec<Method>,
        /// Header fields: a text, a list of texts, `~` and a regular expression, `true` (there) or `false` (not there).
        headers: Named<Condition>,
        /// Fields of the query, in the same way.
        query: Named<Condition>,
        /// Cookies, in the same way.
        cookies: Named<Condition>,
        /// The client's network.
        client: Vec<IpNet>,
        /// The listeners that the request may have come through.
        listener: Vec<Spanned<String>>,
        /// A condition in CEL over the values of the request.
        when: Option<Spanned<String>>,
    }
}

impl Match {
    /// The map that the short form stands for.
    fn from_line(node: &Node) -> Result<Node, Problem> {
        let Some(scalar) = node.as_scalar() else {
            return Err(Problem::error(format!("a map or a text is wanted here, not {}", node.kind_name())));
        };
        let line = match_line::parse(&scalar.text).map_err(|problem| {
            if scalar.substitution.is_some() {
                return Problem::error("what is put in here is not a match")
                    .help("it has to look like `GET /users/*`");
            }
            Problem::error(problem.message).at(node.text_span(problem.at)).help_if(problem.help)
        })?;
        let text = |piece: Piece| {
            let mut part = Node::string(piece.text).at(node.text_span(piece.at));
            if let Value::Scalar(part) = &mut part.value {
                part.plain = true;
                part.substitution.clone_from(&scalar.substitution);
            }
            part
        };
        let mut map = Map::default();
        let mut add = |key: &str, value: Node| {
            map.entries.push(Entry { key: key.into(), key_span: node.span, value });
        };
        if !line.methods.is_empty() {
            add("methods", Node::list(line.methods.into_iter().map(text).collect()).at(node.span));
        }
        if let Some(host) = line.host {
            add("host", text(host));
        }
        add("path", text(line.path));
        Ok(Node::map(map).at(node.span))
    }

    fn check(&self, _: &Fields<'_>, reader: &mut Reader<'_>) {
        check_header_names(&self.headers, reader);
        if let Some(host) = self.headers.iter().find(|entry| entry.name.eq_ignore_ascii_case("host")) {
            let problem = Problem::error("the host is matched by `host`").at(host.span);
            reader.problem(problem.help("write `host: api.example.com` beside `headers`"));
        }
        if let Some(when) = self.when.as_ref().filter(|when| when.trim().is_empty()) {
            reader.problem(Problem::error("this condition is empty").at(when.span));
        }
    }
}
