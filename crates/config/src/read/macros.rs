//! The macros that declare what is read: maps of known keys, and words.
//! They only join what the other files do: opening a map, reading its fields, the shape of both.

/// Declares a struct that is read from a map of known keys, with its documentation, defaults, short form and schema.
///
/// - The doc comment of the struct and of each field is the text of the reference page and of the schema.
/// - `= literal` gives the default in the words of the language: `= "10s"`, `= 64`, `= true`, `= "[GET, HEAD]"`.
/// - A field without default is required, unless its type may be left out: `Option`, `Vec`, `Named`.
/// - `#[main]` before a field: a scalar or list in place of the map is the value of this field. `true` in place of the map
///   means all defaults.
/// - `field as "key"` for keys that are no Rust names.
/// - `#[short = function]` before the struct: `fn(&Node) -> Result<Node, Problem>` turns a scalar into the map.
/// - `#[check = function]` before the struct: `fn(&Self, &Fields<'_>, &mut Reader<'_>)` is called with what was read, to tell
///   what only shows when several fields are seen together.
///
/// The struct gets `Debug`, `Clone` and `PartialEq`, [`Read`](crate::Read) and [`ConfigMap`](crate::ConfigMap); its fields are
/// public. All types need `Send + Sync + 'static`.
///
/// ```
/// use std::time::Duration;
/// use maitred_config::{config_map, config_words, read_text, Fields, Problem, Reader};
///
/// config_words! {
///     /// What is counted.
///     pub enum By {
///         /// The address.
///         Address = "address",
///         /// The consumer.
///         Consumer = "consumer",
///     }
/// }
///
/// config_map! {
///     /// Refuses clients that ask too often.
///     #[check = ThrottleConfig::check]
///     pub struct ThrottleConfig {
///         /// How many requests a client may send in `window`.
///         #[main]
///         requests: u32,
///         /// The time over which is counted.
///         window: Duration = "1m",
///         /// How many may come at once.
///         burst: Option<u32>,
///         /// What is counted.
///         by: By = "address",
///         /// Methods that are counted.
///         methods: Vec<String> = "[GET, POST]",
///     }
/// }
///
/// impl ThrottleConfig {
///     fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
///         if self.burst.is_some_and(|burst| burst > self.requests) {
///             reader.problem(Problem::error("`burst` is more than `requests`").at(fields.value_span("burst")));
///         }
///     }
/// }
///
/// let short: ThrottleConfig = read_text("100").unwrap();
/// assert_eq!((short.requests, short.window, short.by), (100, Duration::from_mins(1), By::Address));
/// let long: ThrottleConfig = read_text("{ requests: 100, window: 10s, methods: GET }").unwrap();
/// assert_eq!(long.methods, ["GET"]);
/// assert_eq!(read_text::<ThrottleConfig>("{ requests: 1, burst: 2 }").unwrap_err(), "`burst` is more than `requests`");
/// assert_eq!(read_text::<ThrottleConfig>("{ request: 1 }").unwrap_err(), "unknown key `request`");
/// assert_eq!(read_text::<ThrottleConfig>("true").unwrap_err(), "`requests` is missing");
/// ```
#[macro_export]
macro_rules! config_map {
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@main) => { false };
    (@main $mark:vis true) => { true };
    (@some) => { ::core::option::Option::None };
    (@some $value:expr) => { ::core::option::Option::Some($value) };
    (@default $ty:ty) => { ::core::option::Option::None };
    (@default $ty:ty, $default:literal) => {{
        fn default() -> $ty {
            static DEFAULT: ::std::sync::OnceLock<$ty> = ::std::sync::OnceLock::new();
            DEFAULT.get_or_init(|| $crate::read::default_value::<$ty>(concat!($default))).clone()
        }
        ::core::option::Option::Some(default as fn() -> $ty)
    }};
    (
        $(#[doc = $doc:literal])*
        $(#[short = $short:expr])?
        $(#[check = $check:expr])?
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[main] $mark:vis)?
                $field:ident $(as $key:literal)? : $ty:ty $(= $default:literal)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $field_doc])* pub $field: $ty, )*
        }

        impl $crate::ConfigMap for $name {
            const SHAPE: $crate::MapShape = $crate::MapShape {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                fields: &[$(
                    $crate::Field {
                        key: $crate::config_map!(@key $field $($key)?),
                        doc: concat!($($field_doc, "\n"),*),
                        shape: <$ty as $crate::Read>::shape,
                        default: $crate::config_map!(@some $(concat!($default))?),
                        optional: || <$ty as $crate::Read>::absent().is_some(),
                        main: $crate::config_map!(@main $($mark true)?),
                    }
                ),*],
                short: $crate::config_map!(@some $($short)?),
            };

            fn map_shape() -> &'static $crate::MapShape {
                static SHAPE: $crate::MapShape = <$name as $crate::ConfigMap>::SHAPE;
                &SHAPE
            }
        }

        impl $crate::Read for $name {
            const IS_SETTING: bool = true;

            fn shape() -> $crate::Shape {
                $crate::Shape::Map(<Self as $crate::ConfigMap>::map_shape())
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader<'_>) -> ::core::option::Option<Self> {
                let fields = reader.open(node, <Self as $crate::ConfigMap>::map_shape())?;
                $(
                    let $field = fields.read::<$ty>(
                        reader,
                        $crate::config_map!(@key $field $($key)?),
                        $crate::config_map!(@default $ty $(, $default)?),
                    );
                )*
                let value = Self { $( $field: $field?, )* };
                $( $check(&value, &fields, reader); )?
                ::core::option::Option::Some(value)
            }
        }
    };
}

/// Declares an enum whose variants are words of the language.
///
/// `later: ["word", …]` after the enum names words that the language has and this version does not: they are refused as such.
///
/// ```
/// use maitred_config::{config_words, read_text};
///
/// config_words! {
///     /// Which endpoint is next.
///     pub enum Balance {
///         /// Each in its turn.
///         RoundRobin = "round_robin",
///     }
///     later: ["random"]
/// }
///
/// assert_eq!(read_text::<Balance>("round_robin"), Ok(Balance::RoundRobin));
/// assert_eq!(read_text::<Balance>("random").unwrap_err(), "`random` is not part of this version");
/// assert_eq!(Balance::RoundRobin.word(), "round_robin");
/// ```
#[macro_export]
macro_rules! config_words {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident {
            $( $(#[doc = $word_doc:literal])* $variant:ident = $word:literal ),* $(,)?
        }
        $(later: [$($later:literal),* $(,)?])?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name {
            $( $(#[doc = $word_doc])* $variant, )*
        }

        impl $name {
            /// The word of the language.
            #[allow(dead_code, reason = "not every enum is written back")]
            pub fn word(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )*
                }
            }
        }

        impl $crate::Read for $name {
            fn shape() -> $crate::Shape {
                static SHAPE: $crate::WordsShape = $crate::WordsShape {
                    name: stringify!($name),
                    doc: concat!($($doc, "\n"),*),
                    words: &[$( ($word, concat!($($word_doc, "\n"),*)) ),*],
                    later: &[$($($later),*)?],
                };
                $crate::Shape::Words(&SHAPE)
            }

            fn read(node: &$crate::Node, reader: &mut $crate::Reader<'_>) -> ::core::option::Option<Self> {
                $(
                    if node.as_text() == ::core::option::Option::Some($word) {
                        return ::core::option::Option::Some(Self::$variant);
                    }
                )*
                reader.unknown_word(node, &<Self as $crate::Read>::shape())
            }
        }
    };
}
