//! A named custom section at the end of a WebAssembly module or component.
//!
//! Both begin with 8 bytes of magic and version. Then come sections: an id of one byte, a size in LEB128, and as many
//! bytes. A section with the id 0 is custom: a name (its size in LEB128, then UTF-8), and any content.

/// Appends a custom section.
pub fn append(binary: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::new();
    write_size(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    binary.push(CUSTOM);
    write_size(binary, section.len());
    binary.append(&mut section);
}

/// The content of the first custom section with this name at the top level. `None` if there is no such section, or if
/// the binary is malformed.
pub fn find<'a>(binary: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = binary.get(HEADER..)?;
    loop {
        let id = *rest.first()?;
        rest = &rest[1..];
        let size = read_size(&mut rest)?;
        let (mut section, after) = rest.split_at_checked(size)?;
        rest = after;
        if id == CUSTOM {
            let size = read_size(&mut section)?;
            let (found, content) = section.split_at_checked(size)?;
            if found == name.as_bytes() {
                return Some(content);
            }
        }
    }
}

fn write_size(binary: &mut Vec<u8>, mut size: usize) {
    while size >= 0x80 {
        binary.push(size as u8 | 0x80);
        size >>= 7;
    }
    binary.push(size as u8);
}

fn read_size(rest: &mut &[u8]) -> Option<usize> {
    let mut size = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        size |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(size as usize);
        }
    }
    None
}

const HEADER: usize = 8;
const CUSTOM: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_section_by_its_name() {
        let long = vec![7; 300];
        let mut binary = b"\0asm\x0d\0\x01\0".to_vec();
        append(&mut binary, "first", b"1");
        binary.extend_from_slice(&[5, 2, 0, 0]);
        append(&mut binary, "long", &long);

        assert_eq!(find(&binary, "first"), Some(&b"1"[..]));
        assert_eq!(find(&binary, "long"), Some(&long[..]));
        assert_eq!(find(&binary, "other"), None);
        assert_eq!(find(&binary[..binary.len() - 1], "long"), None, "cut short");
        assert_eq!(find(b"", "first"), None);
    }
}
