//! What a compiler process reads: the component of a handler, after the middleware in front of it.
//!
//! Each middleware is its name and its component, each after its length. The handler's component comes last and ends with
//! the input, so that a handler without middleware is nothing but its component.

use std::io::{self, Read, Write};

use belljar_sandbox::Chain;

/// Components that were read.
pub(super) struct Input {
    /// Outermost first: names and components.
    middleware: Vec<(String, Vec<u8>)>,
    handler: Vec<u8>,
}

/// Writes the parts of a chain.
///
/// # Errors
///
/// If the reader has closed the pipe.
pub(super) fn write(chain: &Chain<'_>, mut output: impl Write) -> io::Result<()> {
    for (name, component) in chain.middleware() {
        for bytes in [name.as_bytes(), component] {
            output.write_all(&(bytes.len() as u64).to_le_bytes())?;
            output.write_all(bytes)?;
        }
    }
    output.write_all(chain.handler())
}

impl Input {
    /// Reads as many middleware, and the handler's component.
    ///
    /// # Errors
    ///
    /// If the input ends early.
    pub fn read(mut input: impl Read, middleware: u64) -> io::Result<Self> {
        let mut read = Self {
            middleware: Vec::new(),
            handler: Vec::new(),
        };
        for _ in 0..middleware {
            let name = read_part(&mut input)?;
            let name = String::from_utf8_lossy(&name).into_owned();
            read.middleware.push((name, read_part(&mut input)?));
        }
        input.read_to_end(&mut read.handler)?;
        Ok(read)
    }

    pub fn chain(&self) -> Chain<'_> {
        let chain = Chain::of(&self.handler);
        self.middleware.iter().fold(chain, |chain, (name, bytes)| {
            chain.with_middleware(name, bytes)
        })
    }
}

/// Reads bytes after their length.
fn read_part(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let chains = [
            Chain::of(b"handler"),
            Chain::of(b"").with_middleware("outer.wasm", b"one"),
            Chain::of(b"handler")
                .with_middleware("outer.wasm", b"")
                .with_middleware("", b"two"),
        ];
        for chain in chains {
            let mut bytes = Vec::new();
            write(&chain, &mut bytes).unwrap();
            let count = chain.middleware().count() as u64;
            let read = Input::read(&bytes[..], count).unwrap();
            assert!(read.chain().middleware().eq(chain.middleware()));
            assert_eq!(read.chain().handler(), chain.handler());
            assert!(Input::read(&bytes[..], count + 1).is_err());
        }
    }
}
