//! gRPC by description: JSON questions to messages of the project's own `.proto` files and back, so
//! that the recorded questions go over the wire as they are.

use std::path::Path;

use protox::prost::Message as _;
use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use serde_json::{Map, Value as Json, json};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;

/// The descriptions of all services.
pub(crate) fn descriptors() -> DescriptorPool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/proto");
    let files =
        ["pdpb.proto", "tikvpb.proto", "import_sstpb.proto", "tipb.proto"].map(|file| folder.join(file));
    let set = protox::compile(files, [folder]).expect("the project's own descriptions compile");
    DescriptorPool::from_file_descriptor_set(set).expect("descriptions are complete")
}

/// A message of this type with these fields; what the description does not know is left out.
pub(crate) fn to_message(descriptor: &MessageDescriptor, fields: &Json) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in fields.as_object().into_iter().flatten() {
        // `type` names the message unless the message has such a field.
        if let Some(field) = descriptor.get_field_by_name(name) {
            message.set_field(&field, to_value(&field, value));
        }
    }
    message
}

fn to_value(field: &FieldDescriptor, json: &Json) -> Value {
    if field.is_list() {
        let items = json.as_array().into_iter().flatten();
        return Value::List(items.map(|item| to_single(&field.kind(), item)).collect());
    }
    to_single(&field.kind(), json)
}

fn to_single(kind: &Kind, json: &Json) -> Value {
    match kind {
        Kind::Message(descriptor) => Value::Message(to_message(descriptor, json)),
        Kind::Bytes => Value::Bytes(unhex(json.as_str().unwrap_or_default()).into()),
        Kind::String => Value::String(json.as_str().unwrap_or_default().to_owned()),
        Kind::Bool => Value::Bool(json.as_bool().unwrap_or_default()),
        Kind::Enum(descriptor) => {
            let name = json.as_str().unwrap_or_default();
            Value::EnumNumber(descriptor.get_value_by_name(name).map_or(0, |value| value.number()))
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(json.as_i64().unwrap_or_default() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(json.as_i64().unwrap_or_default()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(json.as_u64().unwrap_or_default() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(json.as_u64().unwrap_or_default()),
        Kind::Float => Value::F32(json.as_f64().unwrap_or_default() as f32),
        Kind::Double => Value::F64(json.as_f64().unwrap_or_default()),
    }
}

/// The fields that are set.
pub(crate) fn to_json(message: &DynamicMessage) -> Json {
    let mut fields = Map::new();
    for (field, value) in message.fields() {
        fields.insert(field.name().to_owned(), value_json(&field.kind(), value));
    }
    Json::Object(fields)
}

fn value_json(kind: &Kind, value: &Value) -> Json {
    match value {
        Value::Message(message) => to_json(message),
        Value::List(items) => Json::Array(items.iter().map(|item| value_json(kind, item)).collect()),
        Value::Bytes(bytes) => json!(hex(bytes)),
        Value::String(text) => json!(text),
        Value::Bool(value) => json!(value),
        Value::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => {
                json!(descriptor.get_value(*number).map(|value| value.name().to_owned()))
            }
            _ => json!(number),
        },
        Value::I32(number) => json!(number),
        Value::I64(number) => json!(number),
        Value::U32(number) => json!(number),
        Value::U64(number) => json!(number),
        Value::F32(number) => json!(number),
        Value::F64(number) => json!(number),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(key, value)| {
                    (
                        if let MapKey::String(key) = key { key.clone() } else { format!("{key:?}") },
                        value_json(kind, value),
                    )
                })
                .collect(),
        ),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Hexadecimal to bytes.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hexadecimal"))
        .collect()
}

/// Sends encoded messages to `/service/method` and gives the encoded answers.
pub(crate) async fn call(
    channel: &Channel,
    path: &str,
    requests: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = path.parse().expect("a path");
    let stream = futures::stream::iter(requests);
    let mut answers = grpc.streaming(tonic::Request::new(stream), path, Raw).await?.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

/// Encodes a message.
pub(crate) fn encode(message: &DynamicMessage) -> Vec<u8> {
    message.encode_to_vec()
}

struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let len = bytes::Buf::remaining(from);
        let mut message = vec![0; len];
        bytes::Buf::copy_to_slice(from, &mut message);
        Ok(Some(message))
    }
}
