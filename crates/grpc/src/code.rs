//! The status codes of gRPC, and what they are in HTTP.
//!
//! The two tables are not each other's reverse: one tells clients of HTTP what a service of gRPC answered
//! (`google.rpc.Code`), the other tells clients of gRPC what an answer without `grpc-status` means (gRPC's
//! `http-grpc-status-mapping.md`). A third tells clients of gRPC what the gateway itself refuses.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $number:literal, $name:literal, $http:literal;)*) => {
        /// A status code of gRPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the variants are the codes of google.rpc.Code, which explains them")]
        pub enum Code { $($variant = $number),* }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: [Self; 17] = [$(Self::$variant),*];

            /// The name as `google.rpc.Code` has it: `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The HTTP status for clients of HTTP, from the documentation of `google.rpc.Code`.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http),* }
            }
        }
    };
}

codes! {
    Ok = 0, "OK", 200;
    Cancelled = 1, "CANCELLED", 499;
    Unknown = 2, "UNKNOWN", 500;
    InvalidArgument = 3, "INVALID_ARGUMENT", 400;
    DeadlineExceeded = 4, "DEADLINE_EXCEEDED", 504;
    NotFound = 5, "NOT_FOUND", 404;
    AlreadyExists = 6, "ALREADY_EXISTS", 409;
    PermissionDenied = 7, "PERMISSION_DENIED", 403;
    ResourceExhausted = 8, "RESOURCE_EXHAUSTED", 429;
    FailedPrecondition = 9, "FAILED_PRECONDITION", 400;
    Aborted = 10, "ABORTED", 409;
    OutOfRange = 11, "OUT_OF_RANGE", 400;
    Unimplemented = 12, "UNIMPLEMENTED", 501;
    Internal = 13, "INTERNAL", 500;
    Unavailable = 14, "UNAVAILABLE", 503;
    DataLoss = 15, "DATA_LOSS", 500;
    Unauthenticated = 16, "UNAUTHENTICATED", 401;
}

impl Code {
    /// The number in `grpc-status`.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code of a number; [`Code::Unknown`] for numbers that no code has, as gRPC asks.
    pub fn from_number(number: u32) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at)).copied().unwrap_or(Self::Unknown)
    }

    /// What an answer without `grpc-status` means, from its HTTP status (`http-grpc-status-mapping.md`). 200 is
    /// [`Code::Unknown`]: a call that went well says so in `grpc-status`.
    pub const fn from_http_status(status: u16) -> Self {
        match status {
            400 | 431 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What the gateway tells a client of gRPC where it would have answered a client of HTTP with `status`. Other
    /// than [`Code::from_http_status`] it knows why: a limit was met, a deadline passed.
    pub const fn for_fault(status: u16) -> Self {
        match status {
            400 | 422 => Self::InvalidArgument,
            401 => Self::Unauthenticated,
            403 | 451 => Self::PermissionDenied,
            404 | 405 | 415 | 501 => Self::Unimplemented,
            408 | 504 => Self::DeadlineExceeded,
            409 => Self::Aborted,
            412 | 428 => Self::FailedPrecondition,
            413 | 414 | 429 | 431 | 507 => Self::ResourceExhausted,
            499 => Self::Cancelled,
            502 | 503 => Self::Unavailable,
            500..=599 => Self::Internal,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_order() {
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), at);
            assert_eq!(Code::from_number(u32::from(code.number())), code);
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Code::from_number(u32::MAX), Code::Unknown);
    }

    #[test]
    fn what_the_gateway_refuses_keeps_its_meaning() {
        // For a client of HTTP behind a gateway of gRPC, the way there and back ends at the same status.
        for status in [401, 403, 429, 499, 501, 503, 504, 409, 400] {
            assert_eq!(Code::for_fault(status).http_status(), status);
        }
        assert_eq!(Code::from_http_status(200), Code::Unknown);
        assert_eq!(Code::from_http_status(504), Code::Unavailable);
    }
}
