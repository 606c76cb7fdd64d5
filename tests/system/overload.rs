//! What `limits.overload` says of memory: a share, a size, or nothing.

use maitred_tests::{Gateway, eventually};

fn document(overload: &str) -> String {
    format!("limits: {{ overload: {overload} }}\nroutes: {{ own: {{ respond: OK }} }}\n")
}

#[test]
fn memory_counts_as_short_from_what_is_written_on() {
    let gateway = Gateway::start(&document("{ memory: 100% }"));
    let answers = |status: u16| {
        let wanted = format!("a request gets {status}");
        eventually(&wanted, || (gateway.curl("/", &[]).status() == status).then_some(()));
        // The next one does as well: it is no moment between two looks.
        assert_eq!(gateway.curl("/", &[]).status(), status);
    };
    answers(200);
    // Every process has more than this share of any machine or group, and more than this size.
    for (short, never) in [
        ("{ memory: 0.0001% }", "false"),
        ("0.0001%", "{ memory: false }"),
        ("{ memory: 4KiB }", "{ memory: 100% }"),
    ] {
        gateway.reload(&document(short));
        answers(503);
        assert!(!gateway.is_ready(), "{short}");
        gateway.reload(&document(never));
        answers(200);
        assert!(gateway.is_ready(), "{never}");
    }
}
