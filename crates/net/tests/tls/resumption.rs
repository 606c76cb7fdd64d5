//! Sessions that are resumed.

use maitred_net::{Handshaken, ServerTlsSettings, Stream};

use crate::authority::{Authority, client, keys, server, showing};
use crate::link::{expect, linked, run, send};

/// Has the client take the tickets that the server sent behind its handshake: they come before any answer.
pub async fn take_tickets(stream: &mut Stream, mut known: Handshaken) {
    send(&mut known.stream, b"x").await;
    expect(stream, b"x").await;
}

#[test]
fn tickets_are_known_to_all_that_share_their_keys() {
    let authority = Authority::new("root");
    let settings = showing(vec![authority.issue(&["shop.example"])]);
    let (one, after_reload) = (server(&settings), server(&settings));
    let other_keys = server(&ServerTlsSettings { tickets: keys(), ..settings });
    let client = client(&authority.believed());
    run(async {
        let mut resumed = Vec::new();
        for server in [&one, &one, &after_reload, &other_keys, &other_keys] {
            let (mut stream, known) = linked(&client, server, "shop.example").await;
            resumed.push(known.is_resumed);
            take_tickets(&mut stream, known).await;
        }
        assert_eq!(resumed, [false, true, true, false, true]);
    });
}

#[test]
fn a_session_for_one_name_is_not_resumed_under_another() {
    let authority = Authority::new("root");
    let server = server(&showing(vec![authority.issue(&["shop.example", "else.example"])]));
    let client = client(&authority.believed());
    run(async {
        let (mut stream, known) = linked(&client, &server, "shop.example").await;
        take_tickets(&mut stream, known).await;
        assert!(!linked(&client, &server, "else.example").await.1.is_resumed);
        assert!(linked(&client, &server, "shop.example").await.1.is_resumed);
    });
}
