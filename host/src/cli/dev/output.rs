//! What the commands of a build write: passed on to the terminal, and kept for the page.

use belljar::server::Stderr;

/// Passes lines on, and keeps the last of them.
pub struct Output {
    stderr: Stderr,
    kept: Vec<u8>,
}

impl Output {
    pub fn new(stderr: Stderr) -> Self {
        Self {
            stderr,
            kept: Vec::new(),
        }
    }

    /// Takes a line with its end.
    pub fn line(&mut self, line: &[u8]) {
        self.stderr.push(line);
        self.kept.extend_from_slice(line);
        if self.kept.len() > MAX_KEPT {
            self.kept.drain(..self.kept.len() - MAX_KEPT / 2);
        }
    }

    /// The text without the control sequences of a terminal.
    pub fn text(&self) -> String {
        plain(&String::from_utf8_lossy(&self.kept))
            .trim_end()
            .to_owned()
    }
}

/// Removes control sequences (ECMA-48, section 5.4): `ESC [`, parameters, and a final byte. Other control characters but
/// tabs and line feeds are removed alone.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                for character in characters.by_ref() {
                    if ('@'..='~').contains(&character) {
                        break;
                    }
                }
            }
            '\n' | '\t' => plain.push(character),
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    plain
}

/// Maximum number of bytes that are kept for the page.
const MAX_KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_colours_and_keeps_the_end() {
        assert_eq!(
            plain("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: a\r\n\tb\u{7}\n"),
            "error: a\n\tb\n"
        );
        let mut output = Output::new(Stderr::default());
        for number in 0..20_000 {
            output.line(format!("line {number}\n").as_bytes());
        }
        let text = output.text();
        assert!(text.ends_with("line 19999"));
        assert!(
            (MAX_KEPT / 4..=MAX_KEPT).contains(&text.len()),
            "{}",
            text.len()
        );
    }
}
