//! Files that need not be given: what is in the folder `protos`, and protobuf's own. What is given under the same name
//! comes first.

use protox::file::File;

use super::source;

macro_rules! files {
    ($($name:literal)*) => {
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../protos/", $name)))),*];
    };
}

files! {
    "google/api/annotations.proto"
    "google/api/client.proto"
    "google/api/field_behavior.proto"
    "google/api/field_info.proto"
    "google/api/http.proto"
    "google/api/httpbody.proto"
    "google/api/launch_stage.proto"
    "google/api/resource.proto"
    "google/api/routing.proto"
    "google/api/visibility.proto"
    "google/rpc/code.proto"
    "google/rpc/error_details.proto"
    "google/rpc/status.proto"
}

/// What the status of a call may carry, whether or not a service's own files import it.
pub(super) const DETAILS: [&str; 4] = [
    "google/protobuf/any.proto",
    "google/protobuf/duration.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
];

const PROTOBUF: &str = "google/protobuf/";

/// Whether a file need not be given.
pub(super) fn is_known(name: &str) -> bool {
    name.starts_with(PROTOBUF) || FILES.iter().any(|(known, _)| *known == name)
}

/// A file of this crate, by its name.
pub(super) fn open(name: &str) -> Option<File> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(source::parse(name, text).expect("files of this crate are well-formed"))
}
