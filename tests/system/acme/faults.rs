//! Authorities that misbehave: Pebble behind a gateway that answers for it here and there.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use maitred_tests::{Authority, Gateway, Pebble, Port, eventually};

use super::{Place, is_issued, orders, ready};

/// What stands before Pebble.
struct Front {
    gateway: Gateway,
    pebble: String,
}

impl Front {
    /// With routes that come before those to Pebble.
    fn new(place: &Place, odd: &str) -> Self {
        let authority = Authority::default();
        let own = authority.server(&["127.0.0.1"]);
        let directory = place.pebble.directory();
        let pebble = directory.strip_suffix("/dir").unwrap().to_owned();
        let files = [
            ("ca.pem", &*authority.certificate()),
            ("own.pem", &own.certificate),
            ("own.key", &own.key),
            ("pebble.pem", &std::fs::read_to_string(place.pebble.ca()).unwrap()),
        ];
        let gateway = Gateway::start_with(&files, &document(&pebble, odd));
        Self { gateway, pebble }
    }

    fn behave(&self) {
        self.gateway.reload(&document(&self.pebble, ""));
    }

    /// A document with listeners that order here.
    fn ordering(&self, place: &Place, listeners: &[String]) -> String {
        let (port, ca) = (self.gateway.port("web"), self.gateway.folder().join("ca.pem"));
        place
            .document_of(listeners)
            .replace(&place.pebble.directory(), &format!("https://127.0.0.1:{port}/dir"))
            .replace(&place.pebble.ca().display().to_string(), &ca.display().to_string())
    }
}

fn document(pebble: &str, odd: &str) -> String {
    format!(
        "listeners: {{ web: {{ address: \"127.0.0.1:PORT_web\", tls: {{ certificates: {{ cert: own.pem, key: own.key }} }} }} }}\n\
         upstreams: {{ pebble: {{ endpoints: \"{pebble}\", tls: {{ ca: pebble.pem }} }} }}\n\
         routes:\n{odd}  all: {{ match: /*, upstream: pebble }}\n"
    )
}

#[test]
fn what_the_authority_has_signed_is_not_ordered_again() {
    let Some(place) = Place::new("a signed certificate that cannot be fetched") else { return };
    let front = Front::new(&place, "  odd: { match: /certZ/*, respond: { status: 502 } }\n");
    let document = front.ordering(&place, &[place.listener("web", &place.tls, "shop.test", "", "")]);
    let mut gateway = Gateway::start(&document);
    let line = gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    assert!(line.contains("the signature: ") && line.contains("502 Bad Gateway"), "{line}");
    // Neither a restart nor somebody who asks for a try makes another order of it.
    assert!(place.kept("shop.test.order").is_file());
    assert!(gateway.stop().success());
    let gateway = Gateway::start(&document);
    gateway.log().wait_for("it goes on", |line| line.contains("going on with the order"));
    gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    front.behave();
    gateway.signal("HUP");
    is_issued(&gateway, "shop.test");
    assert_eq!(place.ask("shop.test", &[]).text(), "hello");
    let said = |what: &str| place.pebble.log().wait_for_many(what, 1, |line| line.contains(what)).len();
    assert_eq!((said("Added order"), said("Issued certificate")), (1, 1));
    eventually("the order is over", || {
        let account = place.kept("account.json");
        (!account.with_file_name("shop.test.order").exists()).then_some(())
    });
}

#[test]
fn a_directory_that_names_no_urls_is_told_and_read_again() {
    let Some(place) = Place::new("an odd directory") else { return };
    let odd =
        "  odd: { match: /dir, respond: { json: { newNonce: \"\", newAccount: \"\", newOrder: \"\" } } }\n";
    let front = Front::new(&place, odd);
    let gateway =
        Gateway::start(&front.ordering(&place, &[place.listener("web", &place.tls, "shop.test", "", "")]));
    let line = gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    assert!(line.contains("/dir: it is no directory of an authority: `newNonce` is no https URL"), "{line}");
    front.behave();
    gateway.signal("HUP");
    is_issued(&gateway, "shop.test");
}

#[test]
fn a_wish_beyond_all_measure_ends_nothing() {
    let Some(place) = Place::new("an odd Retry-After") else { return };
    let odd = "  odd:\n    match: /draft-ietf-acme-ari-03/*\n    upstream: pebble\n    \
               policies: { transform_response: { headers: { set: { Retry-After: \"18446744073709551615\" } } } }\n";
    let front = Front::new(&place, odd);
    let gateway =
        Gateway::start(&front.ordering(&place, &[place.listener("web", &place.tls, "shop.test", "", "")]));
    gateway.log().wait_for("it is asked when to renew", |line| {
        line.contains("will be renewed") && line.contains("by_authority=true")
    });
    assert_eq!(gateway.metrics().sum("maitred_panics_total", &[]), 0);
}

#[test]
fn an_authority_that_wants_to_be_left_alone_is_asked_once_for_all() {
    let Some(place) = Place::new("an authority that wants to be left alone") else { return };
    let odd = "  odd: { match: /dir, respond: { status: 503, headers: { Retry-After: \"3600\" } } }\n";
    let front = Front::new(&place, odd);
    let other = Port::reserve();
    let gateway = Gateway::start(&front.ordering(
        &place,
        &[
            place.listener("web", &place.tls, "shop.test", "", ""),
            place.listener("other", &other, "other.test", "", ""),
        ],
    ));
    let is_told = |line: &str| line.contains("no certificate was issued");
    let first = gateway.log().wait_for("why", is_told);
    assert!(first.contains("the answer is 503 Service Unavailable"), "{first}");
    // When it has tried again it is through with the first time.
    gateway.signal("HUP");
    gateway.log().wait_for_many("again", 2, is_told);
    assert_eq!(orders(&gateway, "failed"), 2);
    assert_eq!(front.gateway.access(2, |access| access.text("path") == "/dir").len(), 2);
    assert_eq!(ready(&gateway).lines().count(), 3, "both are missing");
    front.behave();
    gateway.signal("HUP");
    is_issued(&gateway, "shop.test");
    is_issued(&gateway, "other.test");
}

#[test]
fn two_authorities_are_proved_the_same_name() {
    let Some(place) = Place::new("two authorities") else { return };
    let Some(second) = Pebble::start(&place.http, &place.tls) else { return };
    let other = Port::reserve();
    let challenge = ", challenge: tls-alpn-01";
    let listener = place.listener("other", &other, "shop.test", challenge, "");
    let listener = listener
        .replace(&place.pebble.directory(), &second.directory())
        .replace(&place.pebble.ca().display().to_string(), &second.ca().display().to_string());
    let gateway = Gateway::start(
        &place.document_of(&[place.listener("web", &place.tls, "shop.test", challenge, ""), listener]),
    );
    gateway.log().wait_for_many("both are issued", 2, |line| line.contains("certificate issued"));
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (2, 0));
}

/// Passes bytes on to a port, but keeps one connection, by its number, until it is told to go on. Answers its own port, where it is told
/// that this one is there, and where to tell it.
fn gate(to: u16, kept: usize) -> (u16, Receiver<()>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ((is_there, there), (go_on, told)) = (channel(), channel());
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
            if number == kept {
                is_there.send(()).unwrap();
                // One connection follows the other, so that nobody else waits. A test that is over says nothing.
                if told.recv().is_err() {
                    return;
                }
            }
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
            pass(client.try_clone().unwrap(), server.try_clone().unwrap());
            pass(server, client);
        }
    });
    (port, there, go_on)
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn a_listener_that_comes_back_during_its_order_shows_what_was_issued() {
    let Some(place) = Place::new("a listener that comes back") else { return };
    let directory = place.pebble.directory();
    let port = directory.rsplit(':').next().unwrap().strip_suffix("/dir").unwrap().parse().unwrap();
    // Five requests at least come before the proof: directory, account and order, and a nonce for each of the two.
    let (gate, is_there, go_on) = gate(port, 5);
    let through = |listener: String| listener.replace(&directory, &format!("https://127.0.0.1:{gate}/dir"));
    let other = Port::reserve();
    let shop = through(place.listener("web", &place.tls, "shop.test", "", ""));
    let stays = through(place.listener("other", &other, "stays.test", ", challenge: http-01", ""));
    let both = place.document_of(&[shop, stays.clone()]);
    let gateway = Gateway::start(&both);
    is_there.recv().unwrap();
    gateway.reload(&place.document_of(&[stays]));
    gateway.reload(&both);
    assert_eq!(place.ask("shop.test", &[]).exit, 35, "there is none yet");
    go_on.send(()).unwrap();
    is_issued(&gateway, "shop.test");
    eventually("it is shown", || (place.ask("shop.test", &[]).exit == 0).then_some(()));
    is_issued(&gateway, "stays.test");
    assert_eq!((orders(&gateway, "issued"), orders(&gateway, "failed")), (2, 0));
}

#[test]
fn a_fault_with_one_order_holds_up_no_other() {
    let Some(place) = Place::new("a fault with one order") else { return };
    let front = Front::new(&place, "  odd: { match: /certZ/*, respond: { status: 502 } }\n");
    let other = Port::reserve();
    let stuck = front.ordering(&place, &[place.listener("web", &place.tls, "shop.test", "", "")]);
    let gateway = Gateway::start(&stuck);
    gateway.log().wait_for("why", |line| line.contains("no certificate was issued"));
    gateway.reload(&front.ordering(
        &place,
        &[
            place.listener("web", &place.tls, "shop.test", "", ""),
            place.listener("other", &other, "other.test", "", ""),
        ],
    ));
    gateway.log().wait_for("it has its turn", |line| {
        line.contains("no certificate was issued")
            && line.contains("listener=other")
            && line.contains("/certZ/")
    });
    front.behave();
    gateway.signal("HUP");
    is_issued(&gateway, "shop.test");
    is_issued(&gateway, "other.test");
}
