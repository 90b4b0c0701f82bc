//! Content codings: the compressed copies `.br`, `.zst` and `.gz` beside a file (RFC 9110, section 12.5.3).

use crate::files::{Files, Kind, Opened};
use crate::text::{list, trim, weight};
use alloc::string::String;
use core::cmp::Reverse;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Brotli,
    Zstandard,
    Gzip,
}

impl Coding {
    /// In order of preference, for clients without one.
    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstandard, Coding::Gzip];

    /// Its name in Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstandard => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Coding::Brotli => ".br",
            Coding::Zstandard => ".zst",
            Coding::Gzip => ".gz",
        }
    }
}

/// Chooses between the file at `path` and its compressed copies by the client's Accept-Encoding. The coding is None for
/// the file itself. A copy must be a readable regular file within the root.
pub fn choose<F: Files>(
    files: &F,
    path: &str,
    plain: Opened<F::File>,
    accept_encoding: Option<&[u8]>,
) -> (Opened<F::File>, Option<Coding>) {
    let weights = Weights::of(accept_encoding);
    let mut candidates = Coding::ALL.map(|coding| (coding, weights.of_coding(coding)));
    // The sort is stable: copies of the same weight stay in the order of preference.
    candidates.sort_by_key(|(_, weight)| Reverse(*weight));
    let wanted = |(_, weight): &(Coding, u16)| *weight > 0 && *weight >= weights.of_identity();
    let mut copy = String::new();
    for (coding, _) in candidates.into_iter().filter(wanted) {
        copy.clear();
        copy.push_str(path);
        copy.push_str(coding.extension());
        match files.open(&copy) {
            Ok(opened) if opened.stat.kind == Kind::File => return (opened, Some(coding)),
            _ => {}
        }
    }
    (plain, None)
}

/// The weights of an Accept-Encoding field, in thousandths; 0 is not acceptable.
#[derive(Debug, Default)]
struct Weights {
    codings: [Option<u16>; 3],
    identity: Option<u16>,
    /// `*`: every coding that is not named.
    any: Option<u16>,
}

impl Weights {
    /// A request without the field accepts every coding; it gets the plain file, which every client can read. A member
    /// with a malformed weight is ignored.
    fn of(accept_encoding: Option<&[u8]>) -> Weights {
        let mut weights = Weights::default();
        for member in list(accept_encoding.unwrap_or_default()) {
            let mut parameters = member.split(|byte| *byte == b';');
            let name = trim(parameters.next().unwrap_or_default());
            let Some(weight) = weight(parameters) else {
                continue;
            };
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            let [brotli, zstandard, gzip] = &mut weights.codings;
            let slot = match () {
                () if is("br") => brotli,
                () if is("zstd") => zstandard,
                // x-gzip: RFC 9110, section 8.4.1.3.
                () if is("gzip") || is("x-gzip") => gzip,
                () if is("identity") => &mut weights.identity,
                () if is("*") => &mut weights.any,
                () => continue,
            };
            *slot = Some(weight);
        }
        weights
    }

    fn of_coding(&self, coding: Coding) -> u16 {
        let [brotli, zstandard, gzip] = self.codings;
        let named = match coding {
            Coding::Brotli => brotli,
            Coding::Zstandard => zstandard,
            Coding::Gzip => gzip,
        };
        named.or(self.any).unwrap_or(0)
    }

    /// The plain file is the last choice if the field does not name it. It is sent even if the client refuses it and
    /// there is no other choice: the response may still be useful (RFC 9110, section 12.1).
    fn of_identity(&self) -> u16 {
        self.identity.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_memory::InMemoryFiles;

    fn chosen(copies: &[&str], accept_encoding: Option<&str>) -> Option<Coding> {
        let mut site = InMemoryFiles::default().file("a.html", "plain");
        for copy in copies {
            site = site.file(copy, "copy");
        }
        let plain = site.open("a.html").unwrap();
        let accepted = accept_encoding.map(str::as_bytes);
        let (opened, coding) = choose(&site, "a.html", plain, accepted);
        let content = coding.map_or("plain", |_| "copy");
        assert_eq!(site.read_all(&opened.file), content);
        coding
    }

    #[test]
    fn chooses_by_accept_encoding() {
        use Coding::*;
        for (accept_encoding, expected) in [
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, zstd", Some(Zstandard)),
            ("gzip", Some(Gzip)),
            ("GZIP", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("br;q=0.5, gzip;q=0.9", Some(Gzip)),
            ("br;q=0.5,gzip;q=0.5", Some(Brotli)),
            ("br;q=0, gzip;q=0.001", Some(Gzip)),
            ("br;q=0", None),
            ("*", Some(Brotli)),
            ("*;q=0", None),
            ("br;q=0, *", Some(Zstandard)),
            ("gzip;q=0.5, *;q=0.1", Some(Gzip)),
            ("gzip, *;q=0", Some(Gzip)),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("identity;q=0, gzip", Some(Gzip)),
            ("identity;q=0", None),
            ("deflate", None),
            ("gzip;q=x", None),
            ("gzip ; q=0.3 , br ; q=0.2", Some(Gzip)),
            ("", None),
            (",", None),
        ] {
            let seen = chosen(
                &["a.html.br", "a.html.gz", "a.html.zst"],
                Some(accept_encoding),
            );
            assert_eq!(seen, expected, "{accept_encoding}");
        }
        assert_eq!(chosen(&["a.html.gz"], None), None);
    }

    #[test]
    fn chooses_only_existing_copies() {
        for (copies, accept_encoding, expected) in [
            (&[][..], "br, gzip", None),
            (&["a.html.gz"], "br, gzip", Some(Coding::Gzip)),
            (&["a.html.gz"], "br", None),
            (&["a.html.gz"], "identity", None),
            (&["a.html.br/in-a-folder"], "br", None),
        ] {
            assert_eq!(
                chosen(copies, Some(accept_encoding)),
                expected,
                "{copies:?} {accept_encoding}"
            );
        }
    }
}
