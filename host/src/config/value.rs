//! Values that are written as texts in a format of their own, such as paths, hosts and addresses.
//!
//! The schema names the format, so that a document is validated value by value before it is read.

use std::borrow::Cow;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use belljar_sandbox::{Access, AllowedOrigin, AllowedTcp, Network, Preopen};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::routing::{HostPattern, PathPattern};

/// Defines a type for each format, and [`validate`] for all of them.
macro_rules! formats {
    ($($name:ident($type:ty), $format:literal, $example:literal, $parse:expr;)*) => {
        $(
            #[derive(Debug, Clone)]
            pub struct $name(pub $type);

            impl FromStr for $name {
                type Err = String;

                fn from_str(text: &str) -> Result<Self, String> {
                    let parse: fn(&str) -> Result<$type, String> = $parse;
                    parse(text).map(Self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
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
                    json_schema!({ "type": "string", "format": $format, "examples": [$example] })
                }
            }
        )*

        /// Checks that a text has this format. An unknown format accepts every text.
        ///
        /// # Errors
        ///
        /// The text does not have the format. The message says how to write the value.
        pub(super) fn validate(format: &str, text: &str) -> Result<(), String> {
            match format {
                $($format => text.parse::<$name>().map(drop),)*
                _ => Ok(()),
            }
        }
    };
}

formats! {
    FieldValue(String), "field-value", "max-age=3600", field_value;
    Listen(Vec<SocketAddr>), "listen-address", "127.0.0.1:8080", listen;
    TcpTarget(AllowedTcp), "allowed-tcp", "db.example:5432", str::parse;
    Origin(AllowedOrigin), "allowed-origin", "https://api.example.com", str::parse;
    NetworkText(Network), "network", "10.0.0.0/8", str::parse;
    Dir(Preopen), "dir", "data::/data:rw", str::parse;
    CeilingDir((PathBuf, Access)), "ceiling-dir", "data:rw", ceiling_dir;
    Host(HostPattern), "host", "*.example.com", str::parse;
    Path(PathPattern), "path", "/users/:id", str::parse;
}

/// Resolves an IP address or a host name, each with a port.
fn listen(text: &str) -> Result<Vec<SocketAddr>, String> {
    match text.to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(format!(
            "{error}; write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080"
        )),
    }
}

/// A folder, with `:rw` at the end if it may be written.
fn ceiling_dir(text: &str) -> Result<(PathBuf, Access), String> {
    let (path, access) = match text.strip_suffix(":rw") {
        Some(path) => (path, Access::ReadWrite),
        None => (text, Access::ReadOnly),
    };
    match path.is_empty() || path.contains("::") {
        true => Err("write a folder as data, or as data:rw to allow writing too".into()),
        false => Ok((path.into(), access)),
    }
}

/// The value of a header field, such as `max-age=3600`.
fn field_value(text: &str) -> Result<String, String> {
    if text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        Ok(text.into())
    } else {
        Err("a header value is visible ASCII on one line, such as max-age=3600".into())
    }
}
