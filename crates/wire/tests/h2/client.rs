//! The gateway's end of a connection to a service, with the library's own server as the service.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Request, Response};
use maitred_http::{BodyLength, Fields, ResponseHead, Version};
use maitred_wire::h2::ClientStream;
use maitred_wire::{BodySink, Broken, Limits};

use crate::gateway::{connect_to_service, is_ready, lines, read_body, request_head, run, send_body, settle};

/// What a service got: the request as text.
type Log = Rc<RefCell<Vec<String>>>;

/// Waits for the next head.
async fn response(stream: &mut ClientStream) -> Result<(ResponseHead, BodyLength), Broken> {
    let mut head = ResponseHead::default();
    let length = poll_fn(|cx| stream.poll_response(cx, &Limits::default(), &mut head)).await?;
    Ok((head, length))
}

/// Reads a whole body, as a service does.
async fn take(mut stream: h2::RecvStream) -> (Vec<u8>, Option<HeaderMap>) {
    let mut body = Vec::new();
    while let Some(Ok(bytes)) = stream.data().await {
        stream.flow_control().release_capacity(bytes.len()).unwrap();
        body.extend_from_slice(&bytes);
    }
    (body, stream.trailers().await.unwrap())
}

/// Logs the request and sends its body back, with trailers.
async fn echo(log: Log, request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, body) = request.into_parts();
    let fields: Vec<_> =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    let (body, trailers) = take(body).await;
    log.borrow_mut().push(format!("{} {} [{}] {trailers:?}", parts.method, parts.uri, fields.join(", ")));
    let answer = Response::builder().header("x-tag", "1").body(()).unwrap();
    let mut sender = respond.send_response(answer, false).unwrap();
    sender.send_data(body.into(), false).unwrap();
    sender
        .send_trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]))
        .unwrap();
}

#[test]
fn a_request_and_its_answer_pass_whole() {
    run(async {
        let log = Log::default();
        let to = Rc::clone(&log);
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), move |request, respond| {
                echo(Rc::clone(&to), request, respond)
            })
            .await;
        let fields = [("Accept", "*/*"), ("TE", "trailers"), ("Connection", "close"), ("Cookie", "a=1; b=2")];
        let mut stream = connection.open().unwrap();
        assert_eq!((connection.streams(), stream.has_heard()), (1, false));
        stream.request(&request_head("POST", "/a?b", &fields), BodyLength::Known(5));
        let mut trailers = Fields::default();
        trailers.append_bytes(b"X-Checksum", b"42");
        send_body(&mut stream, b"hello", Some(&trailers)).await.unwrap();
        let (head, length) = response(&mut stream).await.unwrap();
        assert!(stream.has_heard());
        assert_eq!((head.status, head.version, length), (200, Version::H2, BodyLength::Unknown));
        assert_eq!(lines(&head.fields), "x-tag: 1\r\n");
        let (body, trailers) = read_body(&mut stream).await.unwrap();
        assert_eq!((&*body, &*trailers), (&b"hello"[..], "grpc-status: 0\r\n"));
        assert!(stream.end_exchange());
        drop(stream);
        assert_eq!(connection.streams(), 0);
        assert_eq!(
            *log.borrow(),
            [
                "POST http://service.example/a?b [accept: */*, cookie: a=1; b=2, content-length: 5, te: trailers] \
              Some({\"x-checksum\": \"42\"})"
            ]
        );
        // And the next one.
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("GET", "/", &[]), BodyLength::None);
        assert!(poll_fn(|cx| stream.poll_finish(cx, None)).await.is_ok());
        assert_eq!(response(&mut stream).await.unwrap().0.status, 200);
        assert_eq!(read_body(&mut stream).await.unwrap().0, b"");
    });
}

#[test]
fn interim_answers_are_told_one_by_one() {
    run(async {
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), |request, mut respond| async move {
                let interim =
                    |status: u16| Response::builder().status(status).header("link", "</a>").body(()).unwrap();
                respond.send_informational(interim(100)).unwrap();
                let (body, _) = take(request.into_body()).await;
                respond.send_informational(interim(103)).unwrap();
                let mut sender = respond.send_response(Response::new(()), false).unwrap();
                sender.send_data(body.into(), true).unwrap();
            })
            .await;
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("POST", "/", &[("Expect", "100-continue")]), BodyLength::Unknown);
        assert_eq!(response(&mut stream).await.unwrap().0.status, 100);
        assert!(stream.has_heard());
        send_body(&mut stream, b"hello", None).await.unwrap();
        let (head, length) = response(&mut stream).await.unwrap();
        assert_eq!((head.status, &*lines(&head.fields), length), (103, "link: </a>\r\n", BodyLength::None));
        assert_eq!(response(&mut stream).await.unwrap().0.status, 200);
        assert_eq!(read_body(&mut stream).await.unwrap().0, b"hello");
        // There is no other.
        assert!(matches!(response(&mut stream).await, Err(Broken::Truncated)));
    });
}

#[test]
fn an_early_answer_is_read_though_the_request_is_not_whole() {
    run(async {
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), |request, mut respond| async move {
                let mut sender =
                    respond.send_response(Response::builder().status(413).body(()).unwrap(), false).unwrap();
                sender.send_data("no".into(), true).unwrap();
                drop(request);
            })
            .await;
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("POST", "/", &[]), BodyLength::Known(1 << 20));
        assert_eq!(response(&mut stream).await.unwrap().0.status, 413);
        settle().await;
        // The service has reset the stream without an error; what it said before still counts.
        let piece = vec![0; 16 << 10];
        let mut sent = Ok(0);
        for _ in 0..100 {
            sent = poll_fn(|cx| stream.poll_send(cx, &piece)).await;
            if sent.is_err() {
                break;
            }
            settle().await;
        }
        assert!(sent.is_err());
        assert_eq!(read_body(&mut stream).await.unwrap().0, b"no");
        assert!(!stream.end_exchange());
    });
}

#[test]
fn answers_without_a_body_have_none() {
    run(async {
        let (connection, _) =
            connect_to_service(Builder::new(), &Limits::default(), |request, mut respond| async move {
                let answer =
                    Response::builder().status(if request.uri().path() == "/204" { 204 } else { 200 });
                let answer =
                    if request.method() == "HEAD" { answer.header("content-length", "5") } else { answer };
                respond.send_response(answer.body(()).unwrap(), true).unwrap();
            })
            .await;
        for (method, target, expected) in [
            ("GET", "/204", BodyLength::None),
            ("GET", "/", BodyLength::None),
            ("HEAD", "/", BodyLength::Known(5)),
        ] {
            let mut stream = connection.open().unwrap();
            stream.request(&request_head(method, target, &[]), BodyLength::None);
            let (_, length) = response(&mut stream).await.unwrap();
            assert_eq!(length, expected, "{method} {target}");
            assert_eq!(read_body(&mut stream).await.unwrap().0, b"");
            assert!(stream.end_exchange());
        }
    });
}

#[test]
fn a_body_waits_for_the_services_window() {
    run(async {
        let mut builder = Builder::new();
        builder.initial_window_size(1000);
        let (connection, _) =
            connect_to_service(builder, &Limits::default(), |request, mut respond| async move {
                settle().await;
                let (body, _) = take(request.into_body()).await;
                let length = body.len().to_string();
                let mut sender = respond.send_response(Response::new(()), false).unwrap();
                sender.send_data(length.into(), true).unwrap();
            })
            .await;
        settle().await;
        let mut stream = connection.open().unwrap();
        stream.request(&request_head("POST", "/", &[]), BodyLength::Unknown);
        // A stream has a window once its head was sent.
        settle().await;
        let body = vec![7; 50_000];
        let mut taken = 0;
        while is_ready(|cx| match stream.poll_send(cx, &body[taken..]) {
            std::task::Poll::Ready(n) => {
                taken += n.unwrap();
                std::task::Poll::Ready(())
            }
            std::task::Poll::Pending => std::task::Poll::Pending,
        })
        .await
        {}
        assert_eq!(taken, 1000);
        send_body(&mut stream, &body[taken..], None).await.unwrap();
        response(&mut stream).await.unwrap();
        assert_eq!(read_body(&mut stream).await.unwrap().0, b"50000");
    });
}

#[test]
fn no_more_streams_are_opened_than_the_service_takes() {
    run(async {
        let mut builder = Builder::new();
        builder.max_concurrent_streams(2);
        let (connection, _) = connect_to_service(builder, &Limits::default(), |_, mut respond| async move {
            respond.send_response(Response::new(()), true).unwrap();
        })
        .await;
        settle().await;
        assert_eq!(connection.most_streams(), 2);
        let mut first = connection.open().unwrap();
        let second = connection.clone().open().unwrap();
        assert!(connection.open().is_none());
        assert_eq!(connection.streams(), 2);
        drop(second);
        let mut third = connection.open().unwrap();
        for stream in [&mut first, &mut third] {
            stream.request(&request_head("GET", "/", &[]), BodyLength::None);
            assert_eq!(response(stream).await.unwrap().0.status, 200);
        }
    });
}

#[test]
fn many_streams_share_a_connection() {
    run(async {
        let log = Log::default();
        let to = Rc::clone(&log);
        let (connection, ended) =
            connect_to_service(Builder::new(), &Limits::default(), move |request, respond| {
                echo(Rc::clone(&to), request, respond)
            })
            .await;
        let mut tasks = Vec::new();
        for n in 0..50u8 {
            let mut stream = connection.open().unwrap();
            tasks.push(tokio::task::spawn_local(async move {
                stream.request(&request_head("POST", "/", &[]), BodyLength::Unknown);
                send_body(&mut stream, &vec![n; 3000], None).await.unwrap();
                response(&mut stream).await.unwrap();
                read_body(&mut stream).await.unwrap().0 == vec![n; 3000]
            }));
        }
        for task in tasks {
            assert!(task.await.unwrap());
        }
        assert!(ended.borrow().is_none());
        // The connection ends with its last handle.
        drop(connection);
        settle().await;
        assert!(matches!(*ended.borrow(), Some(Ok(()))));
    });
}
