//! Names that every tool a project meets can live with.

/// A name for a folder, a cargo package, an npm package and a file.
#[derive(Clone)]
pub struct Name(String);

impl Name {
    /// Fails with what to do about it.
    pub fn parse(text: &str) -> Result<Name, String> {
        let is_word = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if !text.bytes().all(is_word) {
            return Err(
                "take lower-case letters, digits, `-` and `_`; the folder is made where you are"
                    .into(),
            );
        }
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("a name begins with a letter".into());
        }
        if text.len() > LONGEST {
            return Err(format!("take {LONGEST} letters at most"));
        }
        if RESERVED.contains(&text) {
            return Err(
                "Rust, JavaScript or their tools use this word themselves: take another".into(),
            );
        }
        Ok(Name(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As cargo names a library's file.
    pub fn with_underscores(&self) -> String {
        self.0.replace('-', "_")
    }
}

/// In bytes.
const LONGEST: usize = 64;

/// Keywords and libraries of Rust, folders of its tools, the dependencies of the projects, and what npm refuses.
const RESERVED: [&str; 60] = [
    "abstract",
    "alloc",
    "anyhow",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "node_modules",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "where",
    "while",
    "wit-bindgen",
    "wstd",
];

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names() {
        for (text, is_one) in [
            ("hello", true),
            ("my-first_handler2", true),
            ("a", true),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
            ("", false),
            ("Hello", false),
            ("2hello", false),
            ("-hello", false),
            ("_hello", false),
            (".", false),
            ("..", false),
            ("../hello", false),
            ("a/b", false),
            ("a b", false),
            ("a\"b", false),
            ("hällo", false),
            ("fn", false),
            ("test", false),
            ("wit-bindgen", false),
        ] {
            assert_eq!(Name::parse(text).is_ok(), is_one, "{text}");
        }
    }
}
