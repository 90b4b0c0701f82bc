//! Values that are written as texts in a form of their own. The schema names the form, so that a document is checked
//! value by value before it is read.

use std::borrow::Cow;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::units;
use crate::routing::{HostPattern, PathPattern};
use belljar_sandbox::{AllowedOrigin, Network, Preopen, Rate};

/// Defines a type for each form, and [`check`] for all of them.
macro_rules! forms {
    ($($name:ident($type:ty), $form:literal, $kinds:tt, $example:literal, $parse:expr;)*) => {
        $(
            #[derive(Debug, Clone)]
            pub struct $name(pub $type);

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let Text(text) = Text::deserialize(deserializer)?;
                    let parse: fn(&str) -> Result<$type, String> = $parse;
                    parse(&text).map(Self).map_err(serde::de::Error::custom)
                }
            }

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": $kinds, "format": $form, "examples": [$example] })
                }
            }
        )*

        /// Whether a text has the form of this name. Of other names everything has.
        ///
        /// # Errors
        ///
        /// What is wrong with it, and how it is written.
        pub(super) fn check(form: &str, text: &str) -> Result<(), String> {
            match form {
                $($form => {
                    let parse: fn(&str) -> Result<$type, String> = $parse;
                    parse(text).map(drop)
                })*
                _ => Ok(()),
            }
        }
    };
}

forms! {
    Time(Duration), "time-or-none", "string", "10s", units::duration;
    SomeTime(Duration), "time", "string", "30s", units::some_duration;
    Size(u64), "size", ["string", "integer"], "64MiB", units::bytes;
    Memory(usize), "memory", ["string", "integer"], "1MiB", units::memory;
    InstanceMemory(usize), "instance-memory", ["string", "integer"], "64MiB", units::instance_memory;
    HeadSize(usize), "head-size", ["string", "integer"], "32KiB", units::head;
    RateText(Rate), "rate", "string", "100/s burst 500", units::rate;
    FieldValue(String), "field-value", "string", "max-age=3600", units::field_value;
    Listen(Vec<SocketAddr>), "listen-address", "string", "127.0.0.1:8080", listen;
    TcpAddress(SocketAddr), "socket-address", "string", "127.0.0.1:5432", socket_address;
    Origin(AllowedOrigin), "allowed-origin", "string", "https://api.example.com", str::parse;
    NetworkText(Network), "network", "string", "10.0.0.0/8", str::parse;
    Dir(Preopen), "dir", "string", "data::/data:rw", str::parse;
    Host(HostPattern), "host", "string", "*.example.com", str::parse;
    Path(PathPattern), "path", "string", "/users/:id", str::parse;
}

/// A text, or a number for it: `4096` is what `"4096"` is.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Text(text) => text,
            Either::Number(number) => number.to_string(),
        }))
    }
}

/// The addresses behind a number or a name.
fn listen(text: &str) -> Result<Vec<SocketAddr>, String> {
    match text.to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(format!(
            "{error}; write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080"
        )),
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let advice = "no address with a port; write it as 127.0.0.1:5432 or [::1]:5432";
    text.parse().map_err(|_| advice.into())
}
