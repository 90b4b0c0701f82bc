//! Responses.

use crate::request::Field;
use alloc::string::String;
use alloc::vec::Vec;

/// A response. `F` is an open file.
#[derive(Debug)]
pub struct Response<F> {
    pub status: u16,
    /// The header fields in the order in which they are sent.
    pub fields: Vec<Field>,
    pub body: Body<F>,
}

#[derive(Debug)]
pub enum Body<F> {
    Empty,
    Bytes(Vec<u8>),
    /// `length` bytes from `offset` of an open regular file.
    File {
        file: F,
        offset: u64,
        length: u64,
    },
}

impl<F> Response<F> {
    pub fn new(status: u16) -> Response<F> {
        // Most responses have seven fields: one allocation holds them all.
        Response {
            status,
            fields: Vec::with_capacity(8),
            body: Body::Empty,
        }
    }

    pub fn field(mut self, name: &str, value: impl Into<Vec<u8>>) -> Response<F> {
        self.fields.push((String::from(name), value.into()));
        self
    }

    /// Adds a field if it has a value.
    pub fn field_if_some(self, name: &str, value: Option<impl Into<Vec<u8>>>) -> Response<F> {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Response<F> {
        self.body = Body::Bytes(body.into());
        self
    }

    /// Sets the body to a range of a file.
    pub fn file(mut self, file: F, offset: u64, length: u64) -> Response<F> {
        self.body = Body::File {
            file,
            offset,
            length,
        };
        self
    }
}
