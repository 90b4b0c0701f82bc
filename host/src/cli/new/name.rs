//! Project names that the shell, cargo, npm and pip all accept.

/// A valid name for a folder, a cargo package, an npm package and a file.
#[derive(Clone)]
pub struct Name(String);

impl Name {
    /// # Errors
    ///
    /// Fails with a rule that the name breaks.
    pub fn parse(text: &str) -> Result<Name, String> {
        let is_word = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        if !text.bytes().all(is_word) {
            return Err(
                "use only lower-case letters, digits, `-` and `_`: the name is not a path, and the project is created in \
                 the current folder"
                    .into(),
            );
        }
        if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err("begin the name with a letter".into());
        }
        if text.len() > MAX_LENGTH {
            return Err(format!("use at most {MAX_LENGTH} characters"));
        }
        if RESERVED.contains(&text) {
            return Err(
                "Rust, JavaScript or their tools reserve this word; choose another name".into(),
            );
        }
        Ok(Name(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that cargo gives to the file of a library.
    pub fn with_underscores(&self) -> String {
        self.0.replace('-', "_")
    }
}

/// Maximum length of a name, in bytes.
const MAX_LENGTH: usize = 64;

/// Rust keywords and libraries, folders of cargo, dependencies of the templates, and names that npm refuses.
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
    fn accepts_names_that_all_tools_accept() {
        for (text, is_valid) in [
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
            assert_eq!(Name::parse(text).is_ok(), is_valid, "{text}");
        }
    }
}
