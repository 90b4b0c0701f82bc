//! Text in HTML.

use core::fmt::{self, Display, Write};

/// Escapes text for HTML, for the content of an element or a quoted attribute, so that it never becomes markup.
///
/// This is not enough for scripts, styles and the addresses of links, which may begin with `javascript:`.
///
/// ```
/// use belljar_guest::escape;
///
/// assert_eq!(
///     format!("<p>{}</p>", escape("<b> & \"'")),
///     "<p>&lt;b&gt; &amp; &quot;&#39;</p>"
/// );
/// ```
pub fn escape<T: Display>(text: T) -> Escaped<T> {
    Escaped(text)
}

/// Text that is displayed escaped: see [`escape`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(formatter), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
            let (plain, entity) = match part.as_bytes().last() {
                Some(b'&') => (&part[..part.len() - 1], "&amp;"),
                Some(b'<') => (&part[..part.len() - 1], "&lt;"),
                Some(b'>') => (&part[..part.len() - 1], "&gt;"),
                Some(b'"') => (&part[..part.len() - 1], "&quot;"),
                Some(b'\'') => (&part[..part.len() - 1], "&#39;"),
                _ => (part, ""),
            };
            self.0.write_str(plain)?;
            self.0.write_str(entity)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn escapes_markup() {
        for (text, escaped) in [
            ("", ""),
            ("plain", "plain"),
            (
                "<script>alert('x')</script>",
                "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
            ),
            ("\" onclick=\"", "&quot; onclick=&quot;"),
            ("&amp;", "&amp;amp;"),
            ("<ä>", "&lt;ä&gt;"),
        ] {
            assert_eq!(escape(text).to_string(), escaped);
        }
        assert_eq!(escape('<').to_string(), "&lt;");
    }
}
