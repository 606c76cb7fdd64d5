//! Routes and requests in one line each.

use std::net::{IpAddr, Ipv4Addr};

use maitred_http::{FieldName, Method, PathRules, RequestHead};
use maitred_router::{
    Ambiguity, Captures, Condition, HostSpec, Outcome, PathSpec, PathValues, Pattern, Predicate, RouteSpec,
    Router, Source, Subject, Test,
};

pub fn method(name: &str) -> Method {
    Method::parse(name.as_bytes()).unwrap()
}

/// A route: `[METHOD[,METHOD]] [host][,host]/path[ /path]`.
#[derive(Default)]
pub struct Route(pub RouteSpec);

pub fn route(text: &str) -> Route {
    let mut spec = RouteSpec::default();
    for word in text.split(' ') {
        if let Some(at) = word.find(['/', '~']) {
            let hosts = word[..at].split(',').filter(|host| !host.is_empty());
            spec.hosts.extend(hosts.map(|host| HostSpec::parse(host).unwrap()));
            spec.paths.push(PathSpec::parse(&word[at..]).unwrap());
        } else {
            spec.methods = Some(word.split(',').filter(|name| !name.is_empty()).map(method).collect());
        }
    }
    Route(spec)
}

pub fn one_of(texts: &[&str]) -> Test {
    Test::OneOf(texts.iter().map(|&text| text.to_owned()).collect())
}

pub fn matches(pattern: &str) -> Test {
    Test::Matches(Pattern::parse(pattern).unwrap())
}

impl Route {
    pub fn when(mut self, condition: Condition) -> Self {
        self.0.conditions.push(condition);
        self
    }

    fn value(self, source: Source, test: Test) -> Self {
        self.when(Condition::Value { source, test })
    }

    pub fn header(self, name: &str, test: Test) -> Self {
        self.value(Source::Header(FieldName::parse(name).unwrap()), test)
    }

    pub fn query(self, name: &str, test: Test) -> Self {
        self.value(Source::Query(name.to_owned()), test)
    }

    pub fn cookie(self, name: &str, test: Test) -> Self {
        self.value(Source::Cookie(name.to_owned()), test)
    }

    pub fn client(self, network: &str) -> Self {
        self.when(Condition::Client(vec![network.parse().unwrap()]))
    }

    pub fn listener(self, number: u16) -> Self {
        self.when(Condition::Listener(vec![number]))
    }

    /// A condition that is compiled elsewhere: the part of the path called `name` is `text`.
    pub fn path_value(self, name: &'static str, text: &'static str) -> Self {
        self.when(Condition::When(Box::new(PathValueIs(name, text))))
    }

    pub fn priority(mut self, priority: i32) -> Self {
        self.0.priority = priority;
        self
    }
}

#[derive(Debug)]
struct PathValueIs(&'static str, &'static str);

impl Predicate for PathValueIs {
    fn holds(&self, _: &Subject<'_>, path: PathValues<'_>) -> bool {
        path.value(self.0) == Some(self.1)
    }
}

/// A request: `METHOD [host]/path`, and what else is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: RequestHead,
    pub client: IpAddr,
    pub listener: u16,
}

pub fn request(text: &str) -> Request {
    let (name, rest) = text.split_once(' ').unwrap();
    let (host, target) = rest.split_at(rest.find(['/', '*']).unwrap());
    let mut head = RequestHead { method: method(name), ..RequestHead::default() };
    head.target.parse(target.as_bytes(), PathRules::Strict).unwrap();
    if !host.is_empty() {
        head.authority.parse(host.as_bytes()).unwrap();
    }
    Request { head, client: IpAddr::V4(Ipv4Addr::LOCALHOST), listener: 0 }
}

impl Request {
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.head.fields.append_bytes(name.as_bytes(), value.as_bytes());
        self
    }

    pub fn from(mut self, client: &str) -> Self {
        self.client = client.parse().unwrap();
        self
    }

    pub fn by(mut self, listener: u16) -> Self {
        self.listener = listener;
        self
    }

    pub fn subject(&self) -> Subject<'_> {
        let Self { head, client, listener } = self;
        Subject { head, client: *client, listener: *listener, method: head.method, context: &() }
    }
}

/// A table whose routes have names.
pub struct Table {
    names: Vec<&'static str>,
    pub router: Router,
}

pub fn compile<const N: usize>(routes: [(&'static str, Route); N]) -> Result<Table, Vec<Ambiguity>> {
    let (names, specs): (Vec<_>, Vec<_>) = routes.into_iter().map(|(name, route)| (name, route.0)).unzip();
    Router::compile(specs).map(|router| Table { names, router })
}

pub fn table<const N: usize>(routes: [(&'static str, Route); N]) -> Table {
    compile(routes).unwrap_or_else(|ambiguities| panic!("{ambiguities:?}"))
}

impl Table {
    /// The name of the route, `404`, or `405` with `Allow`.
    pub fn ask(&self, request: &Request) -> String {
        match self.router.route(&request.subject(), &mut Captures::default()) {
            Outcome::Found(at) => self.names[at].to_owned(),
            Outcome::MethodNotAllowed(allow) => format!("405 {allow}"),
            Outcome::NotFound => "404".to_owned(),
        }
    }

    pub fn name(&self, at: usize) -> &'static str {
        self.names[at]
    }

    /// Asks many, and says of the first that differs which it was.
    pub fn answers(&self, expected: &[(&str, &str)]) {
        for (text, name) in expected {
            assert_eq!(self.ask(&request(text)), *name, "{text}");
        }
    }
}
