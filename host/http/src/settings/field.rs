//! The types that a field of settings may have, and how they convert to and from a [`Value`].

use std::time::Duration;

use super::setting::Value;
use crate::rate::Rate;

/// A type that a setting's field may have.
pub trait Field: Sized {
    /// The value of the field.
    fn to_value(&self) -> Value;

    /// The field with this value. Returns none if the type cannot hold the value.
    fn from_value(value: Value) -> Option<Self>;
}

impl Field for Duration {
    fn to_value(&self) -> Value {
        Value::Time(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }
}

impl Field for Rate {
    fn to_value(&self) -> Value {
        Value::Rate(*self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Rate(rate) => Some(rate),
            _ => None,
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Unset, T::to_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Unset => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! number_fields {
    ($($Type:ty),+) => {
        $(impl Field for $Type {
            fn to_value(&self) -> Value {
                Value::Number(u64::try_from(*self).unwrap_or(u64::MAX))
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::Number(number) => Self::try_from(number).ok(),
                    _ => None,
                }
            }
        })+
    };
}

number_fields!(u32, u64, usize);
