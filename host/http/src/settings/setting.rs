//! The description of a setting: its name, unit, range, help text and default.

use std::time::Duration;

use crate::rate::Rate;

/// A row of a table: one setting.
#[derive(Debug)]
pub struct Setting {
    /// The name of the flag and of the key, such as `max-body`.
    pub name: &'static str,
    pub kind: Kind,
    /// One or two sentences.
    pub help: &'static str,
    /// What happens beyond the limit, such as `413`.
    pub beyond: Option<&'static str>,
    /// Describes a default that depends on something else, or that is not a value. None if the default is the value in
    /// the struct's `Default`.
    pub default: Option<&'static str>,
}

/// The unit and the range of a setting. All bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Time {
        least: Duration,
    },
    /// A number of bytes.
    Size {
        least: u64,
        most: u64,
    },
    /// A number of things.
    Count {
        least: u64,
        most: u64,
    },
    Rate,
}

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Time(Duration),
    /// Of a size or a count. `u64::MAX` stands for no limit.
    Number(u64),
    Rate(Rate),
    /// The setting has no value, which its default allows.
    Unset,
}

/// A struct whose fields are settings. [`settings!`](crate::settings!) implements this trait.
pub trait Settings: Default + Clone + Send + Sync + 'static {
    /// What the settings apply to, for a heading.
    const TITLE: &'static str;

    /// A row for each field, in their order.
    const TABLE: &'static [Setting];

    /// The values of all settings, in the order of the table.
    fn values(&self) -> Vec<Value>;

    /// Sets the setting of this name. Returns false if there is none, or if its field cannot hold the value.
    fn set(&mut self, name: &str, value: Value) -> bool;
}

impl Kind {
    /// A time that is not zero.
    pub const TIME: Self = Self::Time {
        least: Duration::from_nanos(1),
    };

    /// A time that may be zero.
    pub const TIME_OR_ZERO: Self = Self::Time {
        least: Duration::ZERO,
    };

    /// A number of bytes without bounds.
    pub const SIZE: Self = Self::Size {
        least: 0,
        most: u64::MAX,
    };
}

impl Setting {
    /// What the setting is, and what happens beyond it.
    pub fn description(&self) -> String {
        match self.beyond {
            Some(beyond) => format!("{} Beyond it: {beyond}.", self.help),
            None => self.help.to_owned(),
        }
    }
}
