//! A response, in the shape of the contract.

use crate::request::Field;
use alloc::string::String;
use alloc::vec::Vec;

/// One response; `F` is an open file.
#[derive(Debug)]
pub struct Response<F> {
    pub status: u16,
    /// Sent in this order.
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
        // The usual answer has seven fields: one allocation holds them all.
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

    /// Adds a field that not every answer has.
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

    /// A file's range.
    pub fn file(mut self, file: F, offset: u64, length: u64) -> Response<F> {
        self.body = Body::File {
            file,
            offset,
            length,
        };
        self
    }
}
