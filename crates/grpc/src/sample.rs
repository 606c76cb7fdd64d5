//! Messages for tests: one of every kind of field, and messages made of choices. Not part of the product.

use prost::Message as _;
use prost::bytes::Bytes;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::descriptors::Descriptors;

const SOURCE: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Color { NONE = 0; RED = 1; BLUE = -1; }

message All {
  double a_double = 1; float a_float = 2;
  int32 an_int32 = 3; int64 an_int64 = 4; uint32 a_uint32 = 5; uint64 a_uint64 = 6;
  sint32 a_sint32 = 7; sint64 a_sint64 = 8; fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10;
  sfixed32 a_sfixed32 = 11; sfixed64 a_sfixed64 = 12;
  bool a_bool = 13; string a_string = 14; bytes some_bytes = 15; Color color = 16;
  All inside = 17;
  optional int32 maybe_int = 18;
  optional string maybe_string = 19;
  string other = 20 [json_name = "@other"];

  repeated int32 ints = 21; repeated int64 longs = 22 [packed = false]; repeated double doubles = 23;
  repeated string strings = 24; repeated Color colors = 25; repeated All list = 26; repeated bytes blobs = 27;
  repeated bool bools = 28; repeated fixed32 fixeds = 29;

  map<string, string> names = 31; map<int32, All> by_int = 32; map<bool, double> by_bool = 33;
  map<uint64, Color> by_long = 34; map<sint64, bytes> by_sint = 35;
  map<string, google.protobuf.Value> values = 36;

  oneof choice {
    int32 number = 41; string text = 42; All message = 43; google.protobuf.NullValue nothing = 44;
    google.protobuf.Value anything = 45;
  }

  google.protobuf.Any any = 51; google.protobuf.Timestamp time = 52; google.protobuf.Duration duration = 53;
  google.protobuf.FieldMask mask = 54; google.protobuf.Struct fields = 55; google.protobuf.Value value = 56;
  google.protobuf.ListValue values_list = 57; google.protobuf.Empty empty = 58;
  google.protobuf.DoubleValue double_value = 59; google.protobuf.FloatValue float_value = 60;
  google.protobuf.Int64Value int64_value = 61; google.protobuf.UInt64Value uint64_value = 62;
  google.protobuf.Int32Value int32_value = 63; google.protobuf.UInt32Value uint32_value = 64;
  google.protobuf.BoolValue bool_value = 65; google.protobuf.StringValue string_value = 66;
  google.protobuf.BytesValue bytes_value = 67;
  repeated google.protobuf.Any anys = 68; repeated google.protobuf.Timestamp times = 69;
  repeated google.protobuf.StringValue wrapped = 70; repeated google.protobuf.Value more_values = 71;
  repeated google.protobuf.NullValue nulls = 72; google.protobuf.NullValue null = 73;
}
"#;

const OLD: &str = r#"
syntax = "proto2";
package old;
enum Shade { DARK = 1; LIGHT = 2; }
message Old {
  required string name = 1;
  optional Shade shade = 2 [default = LIGHT];
  optional group Part = 3 { optional int32 size = 4; }
  repeated int32 plain = 5;
  repeated group Many = 6 { optional string text = 1; }
  extensions 100 to 200;
}
extend Old { optional string note = 100; repeated Shade shades = 101; }
"#;

thread_local! {
    static DESCRIPTORS: Descriptors = load();
}

/// A message of these files: `t.All`, `old.Old`.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    DESCRIPTORS.with(|descriptors| descriptors.pool().get_message_by_name(name).unwrap())
}

fn load() -> Descriptors {
    Descriptors::from_sources(&["t.proto", "old.proto"], |name| match name {
        "t.proto" => Ok(SOURCE.to_owned()),
        "old.proto" => Ok(OLD.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    })
    .unwrap()
}

/// Numbers that decide what a message is; when they run out, always nothing.
pub(crate) struct Choices<'a>(pub &'a [u64]);

impl Choices<'_> {
    fn next(&mut self) -> u64 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is less than a usize")
    }

    /// Any message of this type that has a form in JSON.
    pub fn message(&mut self, desc: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(desc.clone());
        match desc.full_name().strip_prefix("google.protobuf.") {
            Some("Timestamp") => self.time(&mut message, 253_402_300_800),
            Some("Duration") => self.time(&mut message, 315_576_000_001),
            Some("FieldMask") => {
                let paths = (0..self.below(3)).map(|_| {
                    let path = ["a", "ab.c_d", "x_y_z.q"][self.below(3)];
                    Value::String(path.to_owned())
                });
                message.set_field_by_name("paths", Value::List(paths.collect()));
            }
            Some("Any") => self.any(&mut message, depth),
            _ => {
                let fields: Vec<FieldDescriptor> = desc.fields().collect();
                let count = if desc.full_name() == "google.protobuf.Value" {
                    1
                } else {
                    self.below(6).min(fields.len())
                };
                for _ in 0..count {
                    let field = &fields[self.below(fields.len())];
                    let value = self.field(field, depth);
                    message.set_field(field, value);
                }
            }
        }
        message
    }

    fn time(&mut self, message: &mut DynamicMessage, end: u64) {
        message.set_field_by_name("seconds", Value::I64((self.next() % end).cast_signed()));
        message.set_field_by_name(
            "nanos",
            Value::I32(i32::try_from(self.below(1_000_000_000)).expect("it is less")),
        );
    }

    fn any(&mut self, message: &mut DynamicMessage, depth: usize) {
        let pool = message.descriptor().parent_pool().clone();
        let names = ["google.protobuf.Duration", "google.protobuf.StringValue", "t.All"];
        let known: Vec<_> = names.iter().filter_map(|name| pool.get_message_by_name(name)).collect();
        let desc = if depth > 0 { &known[self.below(known.len())] } else { &known[0] };
        let inside = self.message(desc, depth.saturating_sub(1));
        let url = format!("type.googleapis.com/{}", desc.full_name());
        message.set_field_by_name("type_url", Value::String(url));
        message.set_field_by_name("value", Value::Bytes(inside.encode_to_vec().into()));
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        if field.is_map() {
            let entry = field.kind().as_message().unwrap().clone();
            let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
            let entries = (0..self.below(3)).map(|_| (self.key(&key), self.value(&value, depth)));
            return Value::Map(entries.collect());
        }
        if field.is_list() {
            return Value::List((0..self.below(4)).map(|_| self.value(&field.kind(), depth)).collect());
        }
        self.value(&field.kind(), depth)
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        self.value(kind, 0).into_map_key().unwrap()
    }

    #[expect(clippy::cast_possible_truncation, reason = "any number is as good as another")]
    fn value(&mut self, kind: &Kind, depth: usize) -> Value {
        let bits = self.next();
        match kind {
            Kind::Double => {
                Value::F64(Some(f64::from_bits(bits)).filter(|number| number.is_finite()).unwrap_or(0.5))
            }
            Kind::Float => Value::F32(
                Some(f32::from_bits(bits as u32)).filter(|number| number.is_finite()).unwrap_or(0.1),
            ),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32((bits as u32).cast_signed()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(bits.cast_signed()),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(bits as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(bits),
            Kind::Bool => Value::Bool(bits & 1 == 1),
            Kind::String => {
                Value::String(["", "a", "ü\"\\\n\u{1}", "\u{1f600}/~"][(bits % 4) as usize].to_owned())
            }
            Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(&bits.to_le_bytes()[..(bits % 9) as usize])),
            Kind::Enum(desc) => {
                let values: Vec<i32> = desc.values().map(|value| value.number()).collect();
                Value::EnumNumber(values[(bits % values.len() as u64) as usize])
            }
            Kind::Message(desc) if depth > 0 || desc.full_name() == "google.protobuf.Any" => {
                Value::Message(self.message(desc, depth.saturating_sub(1)))
            }
            // A value without one would be another value as JSON.
            Kind::Message(desc) if desc.full_name() == "google.protobuf.Value" => {
                let mut message = DynamicMessage::new(desc.clone());
                message.set_field_by_name("bool_value", Value::Bool(bits & 1 == 1));
                Value::Message(message)
            }
            Kind::Message(desc) => Value::Message(DynamicMessage::new(desc.clone())),
        }
    }
}
