//! Descriptors by asking a server (`grpc.reflection`): which requests to send next, and what their answers mean. One call
//! of the stream `ServerReflectionInfo` is enough, and so are a few, each with the requests that there are by then; whoever
//! has the connection sends and receives.

mod messages;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use prost::Message as _;

use crate::code::Code;
use crate::descriptors::{Descriptors, LoadError};
use crate::weight::{TooHeavy, Weight};
use crate::wire::{Wire, WireError, WireReader};
use messages::{Answer, Question, Request, Response};

/// Files that are taken from a server, and names of imports.
const MAX_FILES: usize = 4096;
/// Services of a server.
const MAX_SERVICES: usize = 4096;

/// The two names of the service; their messages are the same. Servers that lack [`V1`](Self::V1) answer the call with
/// [`Code::Unimplemented`]: then ask again with [`V1Alpha`](Self::V1Alpha).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReflectionVersion {
    /// `grpc.reflection.v1`.
    V1,
    /// `grpc.reflection.v1alpha`, for older servers.
    V1Alpha,
}

impl ReflectionVersion {
    /// The path of the call.
    pub const fn rpc_path(self) -> &'static str {
        match self {
            Self::V1 => "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Self::V1Alpha => "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        }
    }
}

/// The questions to a server and what it has answered so far.
///
/// ```
/// use maitred_grpc::{Reflection, ReflectionVersion};
///
/// let mut reflection = Reflection::new(&[]);
/// let path = ReflectionVersion::V1.rpc_path();
/// while !reflection.is_complete() {
///     while let Some(request) = reflection.request() {
///         // Send `request` in a frame on the call of `path`.
/// #       let _ = (path, request);
///     }
///     // Read the answers, one for each request and in their order.
///     let answer: &[u8] = b"\x32\x00";
///     reflection.receive(answer)?;
/// }
/// // Until now little was looked at; this takes a while where there is much.
/// let descriptors = reflection.finish()?;
/// assert_eq!(descriptors.services().count(), 0);
/// # Ok::<_, maitred_grpc::ReflectionError>(())
/// ```
#[derive(Debug)]
pub struct Reflection {
    /// What is still to be asked.
    questions: VecDeque<Question>,
    /// What was asked and is not answered yet, the oldest first.
    unanswered: VecDeque<Question>,
    services: Vec<String>,
    /// Encoded files by name.
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Names of imports that were met.
    imports: BTreeSet<String>,
}

impl Reflection {
    /// Bytes that are taken from a server, of all its files together and of the answers to one round of questions.
    pub const MAX_BYTES: usize = 32 << 20;

    /// Begins with these services, or with the list of those that the server has. Its reflection is none of them.
    pub fn new(services: &[String]) -> Self {
        let questions = if services.is_empty() {
            VecDeque::from([Question::ListServices(String::new())])
        } else {
            services.iter().cloned().map(Question::FileContainingSymbol).collect()
        };
        Self {
            questions,
            unanswered: VecDeque::new(),
            services: services.to_vec(),
            files: BTreeMap::new(),
            bytes: 0,
            imports: BTreeSet::new(),
        }
    }

    /// The message to send next; none where nothing can be asked before something was answered.
    pub fn request(&mut self) -> Option<Vec<u8>> {
        let question = self.questions.pop_front()?;
        self.unanswered.push_back(question.clone());
        Some(Request { host: String::new(), question: Some(question) }.encode_to_vec())
    }

    /// Whether everything was asked and answered.
    pub fn is_complete(&self) -> bool {
        self.questions.is_empty() && self.unanswered.is_empty()
    }

    /// Takes the message that answers the oldest request without an answer.
    pub fn receive(&mut self, message: &[u8]) -> Result<(), ReflectionError> {
        Weight::default().add(message).map_err(|TooHeavy| ReflectionError::TooLarge)?;
        let response = Response::decode(message).map_err(|_| ReflectionError::Malformed)?;
        let question = self.unanswered.pop_front().ok_or(ReflectionError::Unasked)?;
        match (question, response.answer.ok_or(ReflectionError::Malformed)?) {
            (Question::ListServices(_), Answer::Services(list)) => self.take_services(list.service),
            (Question::FileContainingSymbol(_) | Question::FileByFilename(_), Answer::Files(files)) => {
                files.file.into_iter().try_for_each(|file| self.take_file(file))?;
                // Answers may bring imports along that are still to be asked for.
                self.questions.retain(|question| match question {
                    Question::FileByFilename(name) => !self.files.contains_key(name),
                    _ => true,
                });
                Ok(())
            }
            // Files of protobuf and annotations may be missing: they are built in.
            (Question::FileByFilename(_), Answer::Error(error)) if error.code == NOT_FOUND => Ok(()),
            (question, Answer::Error(error)) => Err(ReflectionError::Refused {
                question: question.to_string(),
                code: u32::try_from(error.code).map_or(Code::Unknown, Code::from_number),
                message: error.message,
            }),
            _ => Err(ReflectionError::Malformed),
        }
    }

    /// Puts together what was received. Nothing must be left to ask.
    pub fn finish(self) -> Result<Descriptors, ReflectionError> {
        if !self.is_complete() {
            return Err(ReflectionError::Unfinished);
        }
        let files: Vec<Vec<u8>> = self.files.into_values().collect();
        Descriptors::from_files(&files, self.services).map_err(ReflectionError::Load)
    }

    fn take_services(&mut self, services: Vec<messages::Service>) -> Result<(), ReflectionError> {
        if services.len() > MAX_SERVICES {
            return Err(ReflectionError::TooLarge);
        }
        let names: BTreeSet<String> = services.into_iter().map(|service| service.name).collect();
        let is_wanted = |name: &String| !name.starts_with("grpc.reflection.");
        self.services = names.into_iter().filter(is_wanted).collect();
        self.questions.extend(self.services.iter().cloned().map(Question::FileContainingSymbol));
        Ok(())
    }

    /// Keeps a file and asks for what it imports, once.
    fn take_file(&mut self, encoded: Vec<u8>) -> Result<(), ReflectionError> {
        let FileHead { name, imports } = FileHead::read(&encoded)?;
        if let Some(known) = self.files.get(&name) {
            return if *known == encoded { Ok(()) } else { Err(ReflectionError::Contradiction(name)) };
        }
        self.bytes += encoded.len();
        if self.files.len() >= MAX_FILES || self.bytes > Self::MAX_BYTES {
            return Err(ReflectionError::TooLarge);
        }
        self.files.insert(name, encoded);
        for import in imports {
            if !self.files.contains_key(&import) && self.imports.insert(import.clone()) {
                if self.imports.len() > MAX_FILES {
                    return Err(ReflectionError::TooLarge);
                }
                self.questions.push_back(Question::FileByFilename(import));
            }
        }
        Ok(())
    }
}

/// What is needed of a file while others are asked for. Whether the rest of it is well formed is seen when all are put together.
struct FileHead {
    name: String,
    imports: Vec<String>,
}

impl FileHead {
    fn read(encoded: &[u8]) -> Result<Self, ReflectionError> {
        let mut head = Self { name: String::new(), imports: Vec::new() };
        let mut reader = WireReader::new(encoded);
        while let Some((number, value)) = reader.next().map_err(|WireError| ReflectionError::Malformed)? {
            let Wire::Bytes(bytes) = value else { continue };
            let text = || String::from_utf8(bytes.to_vec()).map_err(|_| ReflectionError::Malformed);
            match number {
                1 => head.name = text()?,
                3 => head.imports.push(text()?),
                _ => {}
            }
        }
        Ok(head)
    }
}

const NOT_FOUND: i32 = Code::NotFound as i32;

/// Why a server's descriptors cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReflectionError {
    /// An answer is no message of reflection, or not one to the question.
    Malformed,
    /// An answer came without a question.
    Unasked,
    /// Not everything was asked yet.
    Unfinished,
    /// The server has more files, services, messages or fields than are taken.
    TooLarge,
    /// The server sent two different files of this name.
    Contradiction(String),
    /// The server refused a question.
    Refused {
        /// What was asked.
        question: String,
        /// The code of the refusal.
        code: Code,
        /// What the server said.
        message: String,
    },
    /// The files do not fit together.
    Load(LoadError),
}

impl fmt::Display for ReflectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the server's answer is not one of reflection"),
            Self::Unasked => f.write_str("the server answered what was not asked"),
            Self::Unfinished => f.write_str("not all files were asked for"),
            Self::TooLarge => f.write_str("the server has too many files, services, messages or fields"),
            Self::Contradiction(name) => write!(f, "the server has two different files {name:?}"),
            Self::Refused { question, code, message } => {
                write!(f, "the server refused {question}: {code}: {message}")
            }
            Self::Load(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReflectionError {}

#[cfg(test)]
mod tests;
