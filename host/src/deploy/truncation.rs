//! Detects a component file that is still being copied.

/// Whether `bytes` end within the preamble or within a section.
///
/// In the WebAssembly binary format each section is a byte, a length in LEB128, and as many bytes of content. A file that
/// does not begin like WebAssembly is never truncated: more bytes would not make it a component.
pub(super) fn is_truncated(bytes: &[u8]) -> bool {
    let Some((preamble, mut rest)) = bytes.split_at_checked(PREAMBLE) else {
        return MAGIC.starts_with(bytes.get(..MAGIC.len()).unwrap_or(bytes));
    };
    if !preamble.starts_with(MAGIC) {
        return false;
    }
    while let [_, after @ ..] = rest {
        let Some((length, content)) = leb128(after) else {
            return after.len() < MAX_LEB128;
        };
        match content.get(length..) {
            Some(next) => rest = next,
            None => return true,
        }
    }
    false
}

/// Decodes a number of 32 bits. Returns it and the bytes after it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The first bytes of every module and component.
const MAGIC: &[u8] = b"\0asm";

/// Bytes before the first section.
const PREAMBLE: usize = 8;

/// Maximum number of bytes of a 32-bit number in LEB128.
const MAX_LEB128: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::embedded::FILES;
    use super::*;

    #[test]
    fn detects_a_truncated_component() {
        assert!(!is_truncated(FILES));
        // A file that ends between two sections looks complete.
        let whole = (0..FILES.len()).filter(|&end| !is_truncated(&FILES[..end]));
        assert!(whole.count() < 200);
        for (bytes, expected) in [
            (&b""[..], true),
            (b"\0as", true),
            (b"\0asm\x0d\0\x01", true),
            (b"\0asm\x0d\0\x01\0", false),
            (b"\0asm\x0d\0\x01\0\x00", true),
            (b"\0asm\x0d\0\x01\0\x00\x85", true),
            (b"\0asm\x0d\0\x01\0\x00\x02a", true),
            (b"\0asm\x0d\0\x01\0\x00\x02ab", false),
            (b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\xff\xff", false),
            (b"hello", false),
            (b"hello, I am not a component", false),
        ] {
            assert_eq!(is_truncated(bytes), expected, "{bytes:?}");
        }
    }
}
