//! Conversations with servers that bring imports along or do not.

use proptest::prelude::*;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use super::messages::{ErrorResponse, FileDescriptorResponse, ListServiceResponse, Service};
use super::*;

/// A server with the files of a set.
struct Server {
    files: Vec<FileDescriptorProto>,
    encoded: Vec<Vec<u8>>,
    /// Whether answers bring all imports along.
    brings_imports: bool,
    asked: Vec<String>,
}

impl Server {
    fn new(brings_imports: bool) -> Self {
        let sources = |name: &str| {
            match name {
            "shop.proto" => Ok("syntax = 'proto3'; package shop; import 'item.proto'; import 'google/api/annotations.proto';
                service Stock { rpc Find(Item) returns (Item) { option (google.api.http) = { get: '/{sku}' }; } }".to_owned()),
            "item.proto" => Ok("syntax = 'proto3'; package shop; import 'google/protobuf/timestamp.proto';
                message Item { string sku = 1; google.protobuf.Timestamp at = 2; } service Other {}".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        }
        };
        let pool = Descriptors::from_sources(&["shop.proto", "item.proto"], sources).unwrap().pool().clone();
        let encoded = pool.files().map(|file| file.encode_to_vec()).collect();
        let files = pool.files().map(|file| file.file_descriptor_proto().clone()).collect();
        Self { files, encoded, brings_imports, asked: Vec::new() }
    }

    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let question = Request::decode(request).unwrap().question.unwrap();
        self.asked.push(question.to_string());
        let of_name = |name: &str| self.files.iter().position(|file| file.name() == name);
        let found = match &question {
            Question::ListServices(_) => {
                let service = ["shop.Stock", "shop.Other", "grpc.reflection.v1.ServerReflection"]
                    .map(|name| Service { name: name.to_owned() })
                    .to_vec();
                return Response { answer: Some(Answer::Services(ListServiceResponse { service })) }
                    .encode_to_vec();
            }
            Question::FileContainingSymbol(name) => match name.as_str() {
                "shop.Stock" => of_name("shop.proto"),
                "shop.Other" => of_name("item.proto"),
                _ => None,
            },
            // As some servers have it: protobuf's own files are not there.
            Question::FileByFilename(name) if name.starts_with("google/protobuf/") => None,
            Question::FileByFilename(name) => of_name(name),
        };
        let answer = match found {
            Some(at) if self.brings_imports => {
                let mut file = vec![self.encoded[at].clone()];
                file.extend(
                    self.files[at]
                        .dependency
                        .iter()
                        .filter_map(|name| of_name(name))
                        .map(|at| self.encoded[at].clone()),
                );
                Answer::Files(FileDescriptorResponse { file })
            }
            Some(at) => Answer::Files(FileDescriptorResponse { file: vec![self.encoded[at].clone()] }),
            None => Answer::Error(ErrorResponse { code: 5, message: "not here".to_owned() }),
        };
        Response { answer: Some(answer) }.encode_to_vec()
    }
}

fn converse(server: &mut Server, services: &[String]) -> Result<Descriptors, ReflectionError> {
    let mut reflection = Reflection::new(services);
    let mut rounds = 0;
    while !reflection.is_complete() {
        let requests: Vec<_> = std::iter::from_fn(|| reflection.request()).collect();
        assert!(!requests.is_empty(), "there is something to ask until everything is there");
        for request in requests {
            reflection.receive(&server.answer(&request))?;
        }
        rounds += 1;
    }
    assert!(rounds <= 4, "what can be asked at once is asked at once: {rounds} rounds");
    reflection.finish()
}

#[test]
fn asks_until_all_files_are_there() {
    for brings_imports in [false, true] {
        let mut server = Server::new(brings_imports);
        let descriptors = converse(&mut server, &[]).unwrap();
        assert_eq!(descriptors.services().collect::<Vec<_>>(), ["shop.Other", "shop.Stock"]);
        let method = descriptors.pool().get_service_by_name("shop.Stock").unwrap().methods().next().unwrap();
        assert!(!method.options().encode_to_vec().is_empty(), "annotations come along");
        let mut asked = server.asked.clone();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), server.asked.len(), "nothing is asked twice: {:?}", server.asked);
    }
}

#[test]
fn asks_for_named_services_only() {
    let mut server = Server::new(false);
    let descriptors = converse(&mut server, &["shop.Stock".to_owned()]).unwrap();
    assert_eq!(descriptors.services().collect::<Vec<_>>(), ["shop.Stock"]);
    let refused = converse(&mut server, &["shop.Missing".to_owned()]).unwrap_err();
    assert_eq!(refused.to_string(), "the server refused the file with shop.Missing: NOT_FOUND: not here");
}

#[test]
fn refuses_what_is_no_answer() {
    let begun = || {
        let mut reflection = Reflection::new(&[]);
        reflection.request().unwrap();
        reflection
    };
    assert_eq!(begun().receive(b"x"), Err(ReflectionError::Malformed));
    assert_eq!(begun().receive(b""), Err(ReflectionError::Malformed));
    let files = Answer::Files(FileDescriptorResponse::default());
    let wrong = Response { answer: Some(files) }.encode_to_vec();
    assert_eq!(begun().receive(&wrong), Err(ReflectionError::Malformed));
    assert_eq!(Reflection::new(&[]).receive(b"\x32\x00"), Err(ReflectionError::Unasked));
    assert_eq!(begun().finish().unwrap_err(), ReflectionError::Unfinished);
}

#[test]
fn files_of_one_name_are_one() {
    let mut reflection = Reflection::new(&["a.A".to_owned(), "a.B".to_owned()]);
    let answer = |package: &str| {
        let file = FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            package: Some(package.to_owned()),
            ..FileDescriptorProto::default()
        };
        let file = vec![file.encode_to_vec()];
        Response { answer: Some(Answer::Files(FileDescriptorResponse { file })) }.encode_to_vec()
    };
    reflection.request().unwrap();
    reflection.receive(&answer("a")).unwrap();
    reflection.request().unwrap();
    assert_eq!(reflection.receive(&answer("b")), Err(ReflectionError::Contradiction("a.proto".to_owned())));
}

#[test]
fn paths_of_both_versions() {
    assert!(ReflectionVersion::V1.rpc_path().starts_with("/grpc.reflection.v1.ServerReflection/"));
    assert!(ReflectionVersion::V1Alpha.rpc_path().starts_with("/grpc.reflection.v1alpha.ServerReflection/"));
}

proptest! {
    #[test]
    fn no_answer_is_too_odd(answer in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut reflection = Reflection::new(&["a.A".to_owned()]);
        reflection.request().unwrap();
        let _ = reflection.receive(&answer);
        let _ = reflection.finish();
    }
}

/// An answer with a file of this content.
fn answer_with(file: Vec<u8>) -> Vec<u8> {
    Response { answer: Some(Answer::Files(FileDescriptorResponse { file: vec![file] })) }.encode_to_vec()
}

fn asked() -> Reflection {
    let mut reflection = Reflection::new(&["a.A".to_owned()]);
    reflection.request().unwrap();
    reflection
}

#[test]
fn answers_that_would_grow_are_refused_before_they_do() {
    let name = b"\x0a\x07a.proto";
    let grows = |element: &[u8]| {
        let mut file = name.to_vec();
        file.extend(element.repeat((8 << 20) / element.len()));
        file
    };
    let many_files = [&b"\x22\x80\x80\x80\x04"[..], &b"\x0a\x00".repeat(4 << 20)].concat();
    for (what, answer) in [
        ("messages", answer_with(grows(b"\x22\x00"))),
        ("messages and a mistake", answer_with([grows(b"\x22\x00"), b"\x07".to_vec()].concat())),
        ("fields in a message", answer_with(grows(b"\x22\x02\x12\x00"))),
        ("values", answer_with(grows(b"\x2a\x02\x12\x00"))),
        ("imports", answer_with(grows(b"\x1a\x01x"))),
        ("files", many_files),
    ] {
        let mut reflection = asked();
        let taken = allocation_counter::measure(|| {
            assert_eq!(reflection.receive(&answer), Err(ReflectionError::TooLarge), "{what}");
        });
        assert!(taken.bytes_max < 1 << 10, "{what}: {taken:?}");
    }
}

#[test]
fn imports_are_bounded() {
    let import = |number: usize| format!("\x1a\x04{number:04}").into_bytes();
    let file = |count| (0..count).flat_map(import).collect::<Vec<u8>>();
    assert_eq!(asked().receive(&answer_with(file(MAX_FILES))), Ok(()));
    assert_eq!(asked().receive(&answer_with(file(MAX_FILES + 1))), Err(ReflectionError::TooLarge));
}

#[test]
fn what_is_taken_needs_bounded_memory() {
    // As many messages as may be, and all that can be told of them is wrong.
    let file = [&b"\x0a\x07a.proto"[..], &b"\x22\x00".repeat(120_000)].concat();
    let mut reflection = asked();
    reflection.receive(&answer_with(file)).unwrap();
    let taken = allocation_counter::measure(|| {
        reflection.finish().unwrap_err();
    });
    assert!(taken.bytes_max < 256 << 20, "{taken:?}");
}
