//! The macro that defines a struct of settings together with its table.

/// Defines a struct of settings, its `Default` and its [`Settings`](crate::settings::Settings) table.
///
/// ```
/// use belljar_http::settings::{Kind, Settings};
///
/// belljar_http::settings! {
///     /// What a cache may keep.
///     pub struct CacheLimits: "Limits of the cache", prefix "cache-" {
///         /// Maximum size of an entry.
///         pub max_entry: u64 = 1 << 20, Kind::SIZE, beyond "the entry is not kept";
///         /// Maximum size of the cache.
///         pub max_size: Option<u64> = None, Kind::SIZE, default "no limit";
///     }
/// }
///
/// assert_eq!(CacheLimits::default().max_entry, 1 << 20);
/// assert_eq!(CacheLimits::TABLE[0].name, "cache-max-entry");
/// ```
///
/// The title says what the settings apply to. The documentation of a field is the setting's help text. Names are the
/// fields' with the prefix in front and `-` in place of `_`.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $Name:ident: $title:literal, prefix $prefix:literal {
            $(
                $(#[doc = $help:literal])+
                pub $field:ident: $Type:ty = $value:expr, $kind:expr
                    $(, beyond $beyond:literal)? $(, default $default:literal)?;
            )+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Name {
            $($(#[doc = $help])+ $(#[doc = concat!(" Beyond it: ", $beyond, ".")])? pub $field: $Type,)+
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $value,)+ }
            }
        }

        impl $crate::settings::Settings for $Name {
            const TITLE: &'static str = $title;

            const TABLE: &'static [$crate::settings::Setting] = &[$(
                $crate::settings::Setting {
                    name: $crate::setting_name!($prefix, $field),
                    kind: $kind,
                    help: concat!($($help),+).trim_ascii(),
                    beyond: $crate::settings::first(&[$($beyond)?]),
                    default: $crate::settings::first(&[$($default)?]),
                },
            )+];

            fn values(&self) -> Vec<$crate::settings::Value> {
                vec![$($crate::settings::Field::to_value(&self.$field),)+]
            }

            fn set(&mut self, name: &str, value: $crate::settings::Value) -> bool {
                $(
                    if name == $crate::setting_name!($prefix, $field) {
                        let value = $crate::settings::Field::from_value(value);
                        return value.map(|value| self.$field = value).is_some();
                    }
                )+
                false
            }
        }
    };
}

/// The name of a field's setting: `max_body` with the prefix `outbound-` is `outbound-max-body`.
#[doc(hidden)]
#[macro_export]
macro_rules! setting_name {
    ($prefix:literal, $field:ident) => {{
        const NAME: &str = concat!($prefix, stringify!($field));
        const BYTES: [u8; NAME.len()] = $crate::settings::with_hyphens(NAME);
        const HYPHENED: &str = match std::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => NAME,
        };
        HYPHENED
    }};
}

#[doc(hidden)]
pub const fn first(words: &[&'static str]) -> Option<&'static str> {
    match words {
        [first, ..] => Some(first),
        [] => None,
    }
}

#[doc(hidden)]
pub const fn with_hyphens<const N: usize>(name: &str) -> [u8; N] {
    let name = name.as_bytes();
    let mut bytes = [b'-'; N];
    let mut position = 0;
    while position < N && position < name.len() {
        if name[position] != b'_' {
            bytes[position] = name[position];
        }
        position += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::settings::{Kind, Settings, Value};

    settings! {
        /// Two settings.
        pub struct Two: "Two", prefix "of-" {
            /// Time
            /// to wait.
            pub first_one: Duration = Duration::from_secs(1), Kind::TIME, beyond "408";
            /// A number.
            pub second: Option<u32> = None, Kind::Count { least: 1, most: 9 }, default "any number";
        }
    }

    #[test]
    fn table_describes_the_fields() {
        let [first, second] = Two::TABLE else {
            panic!("{:?}", Two::TABLE);
        };
        assert_eq!((first.name, first.default), ("of-first-one", None));
        assert_eq!(first.description(), "Time to wait. Beyond it: 408.");
        assert_eq!((second.name, second.beyond), ("of-second", None));
        assert_eq!(second.default, Some("any number"));
    }

    #[test]
    fn values_are_read_and_set_by_name() {
        let mut two = Two::default();
        assert!(two.set("of-second", Value::Number(3)));
        assert!(two.set("of-first-one", Value::Time(Duration::ZERO)));
        assert_eq!(
            two.values(),
            [Value::Time(Duration::ZERO), Value::Number(3)]
        );
        assert!(two.set("of-second", Value::Unset));
        assert_eq!(two.second, None);
    }

    #[test]
    fn rejects_values_that_a_field_cannot_hold() {
        let mut two = Two::default();
        for (name, value) in [
            ("second", Value::Number(3)),
            ("of-second", Value::Number(u64::MAX)),
            ("of-second", Value::Time(Duration::ZERO)),
            ("of-first-one", Value::Unset),
        ] {
            assert!(!two.set(name, value), "{name} {value:?}");
        }
        assert_eq!(two, Two::default());
    }
}
