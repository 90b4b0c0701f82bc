//! What a client has to send, and whether it has sent it.

use std::env;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

/// What a client has to send as its `Authorization` field.
pub struct Credential {
    scheme: &'static str,
    secret: String,
    challenge: &'static str,
}

impl Credential {
    /// The credential that the environment variable AUTH_BASIC (`user:password`) or AUTH_TOKEN sets; of both, AUTH_BASIC.
    /// None: the variable is not set, or its value is no credential.
    pub fn from_environment() -> Option<Self> {
        if let Ok(password) = env::var("AUTH_BASIC") {
            // RFC 7617, section 2: the user and the password, in Base64.
            return password.contains(':').then(|| Self {
                scheme: "Basic",
                secret: BASE64_STANDARD.encode(password),
                challenge: "Basic realm=\"protected\", charset=\"UTF-8\"",
            });
        }
        // RFC 6750, section 2.1.
        let secret = env::var("AUTH_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())?;
        Some(Self {
            scheme: "Bearer",
            secret,
            challenge: "Bearer realm=\"protected\"",
        })
    }

    /// Whether `given`, an `Authorization` field, has this credential. The time does not depend on how much of the secret is
    /// right, so that nobody can guess it byte by byte.
    pub fn is(&self, given: &[u8]) -> bool {
        let Some((scheme, secret)) = given.split_at_checked(self.scheme.len()) else {
            return false;
        };
        // RFC 9110, section 11.1: the name of a scheme is case-insensitive.
        scheme.eq_ignore_ascii_case(self.scheme.as_bytes())
            && secret
                .strip_prefix(b" ")
                .is_some_and(|secret| secret.ct_eq(self.secret.as_bytes()).into())
    }

    /// The `WWW-Authenticate` field, from which a browser knows that it has to ask for a password.
    pub fn challenge(&self) -> &'static str {
        self.challenge
    }
}
