//! The demo as its readers try it, and every file in `examples/` served.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc as blocking;

use super::guide::Try;
use super::*;
use crate::documents::document;
use crate::testing::{LIMIT, Running, ask};

/// What the answers to the guide's requests contain, in its order.
const ANSWERS: [&[&str]; 20] = [
    &["HTTP/1.1 200", "Ada Lovelace", "X-Request-ID: "],
    &["HTTP/1.1 200", "Teapot"],
    &["HTTP/1.1 200", "API-Version: v2", "Grace Hopper"],
    &["\"x-service-name\":\"api-gateway\"", "\"path\":\"/orders/echo\"", "\"via\":\"1.1 maitred\""],
    &["HTTP/1.1 204", "Access-Control-Allow-Origin: https://shop.example", "Access-Control-Max-Age: 3600"],
    &["HTTP/1.1 308", "Location: /api/v1/users"],
    &["HTTP/1.1 200", "OK"],
    &[
        "HTTP/1.1 404",
        "application/problem+json",
        "Access-Control-Allow-Origin: https://shop.example",
        "Route not found",
    ],
    &["HTTP/1.1 405", "Allow: GET, HEAD, POST", "Method not allowed"],
    &["HTTP/1.1 403", "Address not allowed"],
    &["HTTP/1.1 200", "Alan Turing"],
    &["X-Cache: MISS", "X-Cache: HIT", "Age: 0"],
    &["X-RateLimit-Remaining: 4", "HTTP/1.1 429", "Retry-After: ", "Rate limit exceeded"],
    &["HTTP/1.1 504", "Service timeout"],
    &["HTTP/1.1 500", "the service was asked to answer so"],
    &["HTTP/1.1 200", r#"{"sku":"teapot","inStock":"12","countedAt":"2026-11-20T18:00:00Z"}"#],
    &["HTTP/1.1 400", "application/problem+json", "FAILED_PRECONDITION", "only 12 of teapot are left"],
    &["{\"sku\":\"teapot\",\"inStock\":\"12\"", "\n{\"sku\":\"teapot\",\"inStock\":\"9\""],
    &["data: {\"sku\":\"teapot\",\"inStock\":\"9\""],
    &["maitred_build_info", "maitred_requests_total{route=\"users\""],
];

/// A demo on ports that the system chooses.
struct Demo {
    guide: String,
    tries: Vec<Try>,
    orders: mpsc::UnboundedSender<Order>,
    thread: std::thread::JoinHandle<Result<Stopped, StartError>>,
}

impl Demo {
    fn start() -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        let (tell, told) = blocking::channel();
        let thread = std::thread::spawn(move || {
            let metrics = Arc::new(workshop::metrics(WORKERS, &Clock::default()));
            let services = Services::start().unwrap();
            let arguments = DemoArguments { port: 0, admin_port: 0 };
            let tell = &mut |guide: &Guide| tell.send((guide.to_string(), guide.tries())).unwrap();
            run::control_runtime().unwrap().block_on(serve(
                &arguments,
                &services,
                (&metrics, None),
                received,
                tell,
            ))
        });
        let (guide, tries) = told.recv_timeout(LIMIT).expect("the demo serves");
        Self { guide, tries, orders, thread }
    }

    fn stop(self) {
        self.orders.send(Order::Stop).unwrap();
        assert_eq!(self.thread.join().unwrap().unwrap(), Stopped::Drained);
    }
}

fn shell(line: &str) -> Output {
    Command::new("sh").args(["-c", line]).output().unwrap()
}

#[test]
fn every_request_of_the_guide_shows_what_it_promises() {
    if !Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success()) {
        // Straight to the descriptor: the test harness would swallow it.
        writeln!(io::stderr(), "SKIPPED demo_requests: curl is not installed").unwrap();
        return;
    }
    let demo = Demo::start();
    assert_eq!(demo.tries.len(), ANSWERS.len());
    // The last one shows what was counted for the others.
    let (last, others) = demo.tries.split_last().unwrap();
    let running: Vec<_> = others
        .iter()
        .map(|tried| {
            let line = tried.line.clone();
            std::thread::spawn(move || shell(&line))
        })
        .collect();
    let mut outputs: Vec<Output> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
    outputs.push(shell(&last.line));
    for ((tried, output), parts) in demo.tries.iter().zip(&outputs).zip(ANSWERS) {
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(demo.guide.contains(&format!("# {}\n{}\n", tried.shows, tried.line)));
        for part in parts {
            assert!(answer.contains(part), "{}\n{}\nhas no {part}:\n{answer}", tried.shows, tried.line);
        }
        assert!(!answer.contains("session=secret"), "{answer}");
    }
    demo.stop();
}

#[test]
fn the_page_about_grpc_shows_what_the_demo_answers() {
    if !Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success()) {
        writeln!(io::stderr(), "SKIPPED demo_grpc: curl is not installed").unwrap();
        return;
    }
    let page = document("docs/grpc.md");
    let declared = page.split("\n```proto\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    assert!(INVENTORY.contains(declared), "the page shows what is in the file:\n{declared}");
    let demo = Demo::start();
    let web = demo.guide.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    let shown = page.split("\n```console\n$ ").skip(1).filter_map(|rest| rest.split("\n```").next());
    let shown: Vec<&str> = shown.flat_map(|block| block.split("\n$ ")).collect();
    assert!(shown.len() > 4, "{shown:?}");
    for example in shown {
        let (line, answer) = example.split_once('\n').unwrap();
        let told = shell(&line.replace("http://127.0.0.1:8080", &web)).stdout;
        assert_eq!(String::from_utf8_lossy(&told).trim_end(), answer, "{line}");
    }
    demo.stop();
}

/// A request to an example, and what its answer contains.
type Request = (&'static str, &'static [&'static str], &'static str);

/// Every file in `examples/`, with the listener to ask and requests that show what it does. Its services are the sample
/// services `users` (for the first of its upstreams) and `orders`.
const EXAMPLES: [(&str, &str, &[Request]); 4] = [
    ("beginner.yaml", "default", &[("GET /users/7", &[], "Ada Lovelace")]),
    (
        "blue-green.yaml",
        "default",
        &[
            ("GET /users/7", &[], "Ada Lovelace"),
            ("GET /users/7", &["X-Release: blue"], "Ada Lovelace"),
            ("GET /users/7", &["X-Release: green"], "the service has no such page"),
        ],
    ),
    (
        "hosts.yaml",
        "default",
        &[
            ("GET /users/7", &["Host: www.shop.example"], "Ada Lovelace"),
            ("GET /a?b=c", &["Host: shop.example"], "Location: http://www.shop.example/a?b=c"),
            ("GET /v1/orders/1001", &["Host: api.shop.example"], "shipped"),
            ("GET /orders/echo", &["Host: tea.shop.example"], "\"x-forwarded-host\":\"tea.shop.example\""),
            ("GET /", &["Host: other.example"], "{\"error\":{\"code\":404,\"message\":\"Route not found\""),
        ],
    ),
    (
        "shop.yaml",
        "web",
        &[
            ("GET /api/users/7", &[], "Location: /api/v1/users/7"),
            ("GET /api/v1/catalog/42", &[], "the service has no such page"),
            ("GET /api/v1/catalog/42", &["User-Agent: a bot"], "/api/v1/catalog/42 is not for robots"),
            ("GET /api/v1/stock/tea-100g", &[], r#"{"sku":"tea-100g","inStock":"240""#),
            ("GET /api/v1/stock/coffee", &[], "there is no coffee"),
        ],
    ),
];

#[test]
fn every_example_loads_and_serves() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let names = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut there: BTreeSet<String> = std::fs::read_dir(&folder).unwrap().map(names).collect();
    assert!(there.remove("protos"), "what examples name is beside them");
    assert_eq!(there, EXAMPLES.iter().map(|(name, ..)| (*name).to_owned()).collect());
    let services = Services::start().unwrap();
    let [first, others, inventory] = ["USERS", "ORDERS", "INVENTORY"].map(|name| services.url(name).unwrap());
    for (name, listener, requests) in EXAMPLES {
        let mut text = std::fs::read_to_string(folder.join(name)).unwrap();
        text = text.replace("http://localhost:3000", &first).replace("to: stdout", "to: /dev/null");
        if !text.contains("\nlisteners:") {
            text += "listeners: { default: '127.0.0.1:0' }\nadmin: '127.0.0.1:0'\n";
            text += "telemetry: { access_log: /dev/null }\n";
        }
        let (first, others, inventory) = (first.clone(), others.clone(), inventory.clone());
        let environment = move |name: &str| match name {
            "PORT" | "INTERNAL_PORT" | "ADMIN_PORT" => Some("0".to_owned()),
            "INVENTORY_URL" => Some(inventory.clone()),
            "USERS_URL" | "BLUE_URL" | "WEBSITE_URL" => Some(first.clone()),
            _ if name.ends_with("_URL") => Some(others.clone()),
            _ => None,
        };
        let files = Memory::new().with(name, text).with("protos/inventory.proto", INVENTORY);
        let running = Running::start(name, files, environment, false);
        let listening = running.wait();
        for (request, fields, part) in requests {
            let answer = ask(listening.address(listener), request, fields);
            assert!(answer.contains(part), "{name}: {request} {fields:?} has no {part}:\n{answer}");
        }
        assert_eq!(running.stop().unwrap(), Stopped::Drained);
    }
}

#[test]
fn the_next_port_is_one_that_exists() {
    assert_eq!([0, 8080, u16::MAX].map(internal_port), [0, 8081, 0]);
}
