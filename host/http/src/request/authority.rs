//! The authority of a request: its host and port.

use std::net::Ipv6Addr;

use super::reject::Reject;

/// Checks that `authority` is `host[:port]` (RFC 3986, section 3.2; RFC 9112, section 3.2).
///
/// The check is stricter than the RFCs where leniency only causes confusion: it allows no user information, no comma,
/// no empty host and no IPvFuture.
pub(crate) fn check(authority: &[u8]) -> Result<(), Reject> {
    let (host, port) = match authority {
        [b'[', rest @ ..] => {
            let end = memchr::memchr(b']', rest).ok_or(Reject::Host)?;
            let address = str::from_utf8(&rest[..end]).map_err(|_| Reject::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| Reject::Host)?;
            match &rest[end + 1..] {
                [] => return Ok(()),
                [b':', port @ ..] => return check_port(port),
                _ => return Err(Reject::Host),
            }
        }
        _ => match memchr::memchr(b':', authority) {
            Some(colon) => (&authority[..colon], &authority[colon + 1..]),
            None => (authority, &[][..]),
        },
    };
    check_name(host)?;
    check_port(port)
}

/// Checks a reg-name of at least one byte. IPv4 addresses are reg-names too.
fn check_name(mut name: &[u8]) -> Result<(), Reject> {
    if name.is_empty() {
        return Err(Reject::Host);
    }
    loop {
        name = match name {
            [] => return Ok(()),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [
                b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
                | b';' | b'=',
                rest @ ..,
            ] => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() => rest,
            _ => return Err(Reject::Host),
        }
    }
}

/// Checks a TCP port. It may be empty, because RFC 3986 allows `host:`.
fn check_port(port: &[u8]) -> Result<(), Reject> {
    let in_range = || str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok());
    if port.is_empty() || (port.iter().all(u8::is_ascii_digit) && in_range()) {
        Ok(())
    } else {
        Err(Reject::Host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_host_with_optional_port() {
        for good in [
            "example.com",
            "example.com:80",
            "example.com:",
            "a",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::7]:65535",
            "xn--bcher-kva.example",
            "a_b",
            "a%20b",
            "EXAMPLE.com.",
            "[::ffff:1.2.3.4]",
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn rejects_malformed_authorities() {
        for bad in [
            "",
            ":80",
            "user@example.com",
            "user:pw@example.com",
            "a/b",
            "a,b",
            "a, b",
            "a b",
            "a:65536",
            "a:+1",
            "a:x",
            "a:80:80",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[::g]",
            "[v1.x]",
            "[]",
            "[fe80::1%25eth0]",
            "a?b",
            "a#b",
            "a%2",
            "a%zz",
            "a\\b",
            "a\tb",
            "b\u{fc}cher",
            "a]",
            "<a>",
            "a:-1",
            "a: 80",
        ] {
            assert_eq!(check(bad.as_bytes()), Err(Reject::Host), "{bad}");
        }
    }
}
