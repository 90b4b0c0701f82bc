//! Whether a Content-Security-Policy allows a script of the page's own server, and its connection to this server
//! (Content Security Policy Level 3, section 6).

/// Whether the policies of a page allow both. Each field may have several policies, separated by commas.
pub(super) fn allows_own_script<'a>(fields: impl Iterator<Item = &'a [u8]>) -> bool {
    fields.into_iter().all(|field| {
        let text = String::from_utf8_lossy(field).to_ascii_lowercase();
        text.split(',').all(|policy| {
            let script = ["script-src-elem", "script-src", "default-src"];
            let connect = ["connect-src", "default-src"];
            sandbox_allows(policy) && allows_own(policy, &script) && allows_own(policy, &connect)
        })
    })
}

/// Whether the first of these directives that the policy has allows the page's own server. It does if it has none of them.
fn allows_own(policy: &str, names: &[&str]) -> bool {
    let Some(sources) = names.iter().find_map(|name| directive(policy, name)) else {
        return true;
    };
    // With 'strict-dynamic' only scripts with a nonce or a hash load.
    !sources.contains(&"'strict-dynamic'")
        && ["'self'", "*"].iter().any(|own| sources.contains(own))
}

fn sandbox_allows(policy: &str) -> bool {
    directive(policy, "sandbox").is_none_or(|tokens| {
        ["allow-scripts", "allow-same-origin"]
            .iter()
            .all(|token| tokens.contains(token))
    })
}

/// The words of the first directive of this name.
fn directive<'p>(policy: &'p str, name: &str) -> Option<Vec<&'p str>> {
    policy.split(';').find_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        (words.next()? == name).then(|| words.collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_out_whether_own_scripts_load() {
        for (policies, expected) in [
            (&[][..], true),
            (&["img-src 'none'"], true),
            (&["default-src 'self'"], true),
            (&["default-src *"], true),
            (&["default-src 'none'"], false),
            (
                &["Default-Src 'NONE'; Script-Src 'SELF'; connect-src 'self'"],
                true,
            ),
            (&["script-src 'self'; connect-src https://a.example"], false),
            (&["default-src 'self'; script-src 'nonce-abc'"], false),
            (
                &["default-src 'self'; script-src-elem https://a.example"],
                false,
            ),
            (&["script-src 'self' 'strict-dynamic' 'nonce-abc'"], false),
            (&["default-src 'self'", "script-src 'none'"], false),
            (&["default-src 'self', default-src 'none'"], false),
            (&["sandbox"], false),
            (&["sandbox allow-scripts allow-same-origin"], true),
        ] {
            let fields = policies.iter().map(|policy| policy.as_bytes());
            assert_eq!(allows_own_script(fields), expected, "{policies:?}");
        }
    }
}
