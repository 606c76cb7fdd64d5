//! Descriptors from sources and sets: what they bring, what is built in, and what is refused.

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions};

use super::*;

const SHOP: &str =
    "syntax = 'proto3';\npackage shop;\nimport 'item.proto';\nimport 'google/longrunning.proto';\n
    import 'google/api/annotations.proto';\nimport 'google/protobuf/timestamp.proto';\n
    service Stock { rpc Find(Item) returns (Item) { option (google.api.http) = { get: '/v1/{sku}' }; } }";
const ITEM: &str = "syntax = 'proto3'; package shop; message Item { string sku = 1; } service Other {}";

fn read(name: &str) -> io::Result<String> {
    Ok(match name {
        "shop.proto" => SHOP,
        "item.proto" => ITEM,
        "google/longrunning.proto" => "syntax = 'proto3'; package l; message Operation {}",
        "loop.proto" => "import 'pool.proto';",
        "pool.proto" => "import 'loop.proto';",
        "bad.proto" => "syntax = 'proto3';\n\n  message { }",
        "type.proto" => "syntax = 'proto3';\nmessage A {\n  Missing b = 1;\n}",
        "lost.proto" => "import 'nowhere.proto';",
        "out.proto" => "import '/etc/passwd';",
        "twice.proto" => "syntax = 'proto3'; import 'item.proto'; import 'item.proto';",
        _ => return Err(io::ErrorKind::NotFound.into()),
    }
    .to_owned())
}

fn shop() -> Descriptors {
    Descriptors::from_sources(&["shop.proto"], read).unwrap()
}

#[test]
fn sources_bring_their_imports_and_not_their_services() {
    let shop = shop();
    assert_eq!(shop.services().collect::<Vec<_>>(), ["shop.Stock"]);
    for name in
        ["shop.Item", "l.Operation", "google.api.HttpRule", "google.rpc.Status", "google.rpc.BadRequest"]
    {
        assert!(shop.pool().get_message_by_name(name).is_some(), "{name}");
    }
    let both = Descriptors::from_sources(&["item.proto", "shop.proto"], read).unwrap();
    assert_eq!(both.services().count(), 2);
}

#[test]
fn a_source_that_others_import_by_another_name_is_one_file() {
    let other = SHOP.replace("item.proto", "shop/item.proto");
    let read = |name: &str| match name {
        "shop/item.proto" => read("item.proto"),
        "shop.proto" => Ok(other.clone()),
        _ => read(name),
    };
    for names in [["item.proto", "shop.proto"], ["shop.proto", "item.proto"]] {
        let both = Descriptors::from_sources(&names, read).unwrap();
        assert_eq!(both.services().collect::<Vec<_>>(), ["shop.Other", "shop.Stock"]);
    }
}

#[test]
fn a_set_is_the_same_as_its_sources() {
    let set = shop().pool().encode_to_vec();
    let again = Descriptors::from_set(&set).unwrap();
    assert_eq!(again.services().collect::<Vec<_>>(), ["shop.Other", "shop.Stock"]);
    let options = |descriptors: &Descriptors| {
        let service = descriptors.pool().get_service_by_name("shop.Stock").unwrap();
        service.methods().next().unwrap().options().encode_to_vec()
    };
    assert_eq!(options(&again), options(&shop()));
    assert!(!options(&again).is_empty());
}

#[test]
fn a_set_may_leave_out_what_is_built_in() {
    let mut set = FileDescriptorSet::decode(&*shop().pool().encode_to_vec()).unwrap();
    set.file
        .retain(|file| !file.name().starts_with("google/protobuf") && !file.name().starts_with("google/api"));
    set.file.reverse();
    assert!(Descriptors::from_set(&set.encode_to_vec()).is_ok());
    set.file.retain(|file| file.name() != "item.proto");
    let error = Descriptors::from_set(&set.encode_to_vec()).unwrap_err();
    assert!(error.problem().contains("item.proto"), "{error}");
}

#[test]
fn errors_tell_their_place() {
    let told = |name| Descriptors::from_sources(&[name], read).unwrap_err().to_string();
    assert!(told("bad.proto").starts_with("bad.proto:3:11: expected an identifier"), "{}", told("bad.proto"));
    assert!(told("type.proto").starts_with("type.proto:3:3: "), "{}", told("type.proto"));
    assert!(
        told("lost.proto").starts_with("lost.proto: cannot import \"nowhere.proto\": "),
        "{}",
        told("lost.proto")
    );
    assert!(told("out.proto").contains("out.proto"), "{}", told("out.proto"));
    assert!(told("none.proto").starts_with("none.proto: "), "{}", told("none.proto"));
    assert_eq!(told("loop.proto"), "loop.proto: the file imports itself, or files that import it");
    assert!(told("twice.proto").contains("twice"), "{}", told("twice.proto"));
    assert!(told("../item.proto").contains("relative"), "{}", told("../item.proto"));
}

#[test]
fn refuses_what_is_no_set() {
    for bytes in [&b"x"[..], b"\x0a\x02\xff\xff", b"<html>"] {
        assert!(Descriptors::from_set(bytes).is_err());
    }
    assert_eq!(Descriptors::from_set(b"").unwrap().services().count(), 0);
}

#[test]
fn refuses_entries_of_maps_without_keys() {
    let options = Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() });
    let entry = DescriptorProto { name: Some("E".into()), options, ..DescriptorProto::default() };
    let file = FileDescriptorProto {
        name: Some("a.proto".into()),
        message_type: vec![entry],
        ..FileDescriptorProto::default()
    };
    let error = Descriptors::from_set(&FileDescriptorSet { file: vec![file] }.encode_to_vec()).unwrap_err();
    assert_eq!(error.place(), "a.proto");
}

#[test]
fn editions_are_refused() {
    let file = |syntax: &str| FileDescriptorProto {
        name: Some("a.proto".into()),
        syntax: Some(syntax.into()),
        ..FileDescriptorProto::default()
    };
    for syntax in ["editions", "proto4", ""] {
        let set = FileDescriptorSet { file: vec![file(syntax)] }.encode_to_vec();
        let error = Descriptors::from_set(&set).unwrap_err();
        assert!(error.to_string().starts_with("a.proto: the syntax is "), "{error}");
    }
    let source = |_: &str| Ok("edition = '2023';".to_owned());
    assert!(Descriptors::from_sources(&["a.proto"], source).is_err());
}

#[test]
fn sizes_are_bounded() {
    let deep = format!("syntax = 'proto3';\n{}", "message A {".repeat(100_000));
    let error = Descriptors::from_sources(&["a.proto"], |_| Ok(deep.clone())).unwrap_err();
    assert_eq!(error.to_string(), "a.proto:2: brackets are nested too deep");
    let large = " ".repeat(MAX_BYTES + 1);
    assert!(Descriptors::from_sources(&["a.proto"], |_| Ok(large.clone())).is_err());
    // Each file imports the next, without an end.
    let chain = |name: &str| {
        let number: usize = name.trim_end_matches(".proto").parse().unwrap();
        Ok(format!("import '{}.proto';", number + 1))
    };
    let error = Descriptors::from_sources(&["0.proto"], chain).unwrap_err();
    assert!(error.problem().contains("4096"), "{error}");
    let ends = |name: &str| if name == "4000.proto" { Ok(String::new()) } else { chain(name) };
    assert!(Descriptors::from_sources(&["0.proto"], ends).is_ok());
}

#[test]
fn two_files_of_a_name_must_be_one() {
    let file = |package: &str| FileDescriptorProto {
        name: Some("a.proto".into()),
        package: Some(package.into()),
        ..FileDescriptorProto::default()
    };
    let set =
        |one: &str, other: &str| FileDescriptorSet { file: vec![file(one), file(other)] }.encode_to_vec();
    assert!(Descriptors::from_set(&set("a", "a")).is_ok());
    assert!(Descriptors::from_set(&set("a", "b")).is_err());
}

#[test]
fn sets_that_would_grow_are_refused_before_they_do() {
    let mut file = b"\x0a\x07a.proto".to_vec();
    file.extend(b"\x22\x00".repeat(4 << 20));
    let mut set = Vec::new();
    put(&mut set, 1, Wire::Bytes(&file));
    let taken = allocation_counter::measure(|| {
        let told = Descriptors::from_set(&set).unwrap_err().to_string();
        assert_eq!(told, "the files have too many messages, fields and values together");
    });
    assert!(taken.bytes_max < 16 << 20, "{taken:?}");
}

#[test]
fn comments_of_the_source_are_not_kept() {
    let mut set = FileDescriptorSet::decode(&*shop().pool().encode_to_vec()).unwrap();
    let location = prost_types::source_code_info::Location {
        path: vec![4, 0],
        span: vec![1, 2, 3],
        leading_comments: Some("An item.".to_owned()),
        ..Default::default()
    };
    for file in &mut set.file {
        file.source_code_info =
            Some(prost_types::SourceCodeInfo { location: vec![location.clone(); 50_000] });
    }
    let read = Descriptors::from_set(&set.encode_to_vec()).unwrap();
    assert_eq!(read.services().collect::<Vec<_>>(), ["shop.Other", "shop.Stock"]);
    assert!(read.pool().files().all(|file| file.file_descriptor_proto().source_code_info.is_none()));
}
