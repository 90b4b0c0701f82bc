//! Sending a response.

use super::body_feeder::BodyFeeder;
use super::send_body::{check_unsent, inline_length};
use super::send_error::{SendError, Sent};
use super::{Connection, ConnectionState};
use crate::request::reject::Reject;
use crate::response::Response;
use crate::response::body::Body;
use crate::response::encode::{self, Persistence};
use crate::response::framing::ResponseFraming;
use crate::response::invalid::InvalidResponse;
use crate::trailers;
use crate::transport::Transport;
use crate::version::Version;

impl<S: Transport> Connection<S> {
    /// Sends the response to the current request.
    ///
    /// # Errors
    ///
    /// If [nothing was sent](SendError::nothing_sent), another response may be sent. After any other error, the
    /// connection cannot be used any more.
    pub async fn respond(&mut self, response: Response) -> Result<Sent, SendError> {
        let framing = response.framing(self.current.version, self.current.head_only);
        let framing = framing.map_err(SendError::Invalid)?;
        self.check_size(&response)?;
        let has_body = !self.current.head_only && !response.is_bodiless();
        if !has_body && framing != ResponseFraming::None {
            check_unsent(response.body())?;
        }
        if let Some(feeder) = &mut self.feeder {
            feeder.before_final(response.is_stream());
        }
        let persistent = self.state == ConnectionState::Persistent
            && self.current.persistent
            && !self.finishing
            && framing != ResponseFraming::Close
            && self.feeder.as_ref().is_none_or(BodyFeeder::is_discardable);
        let persistence = match (persistent, self.current.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http11) => Persistence::Silent,
            (true, Version::Http10) => Persistence::KeepAlive,
        };
        self.write_buffer.clear();
        // Reserved at once rather than by doubling, because an idle connection frees all but small buffers.
        self.write_buffer.reserve(
            TYPICAL_HEAD
                + if has_body {
                    inline_length(response.body())
                } else {
                    0
                },
        );
        if let Some(feeder) = &self.feeder {
            self.write_buffer.extend_from_slice(feeder.unsent_interim());
        }
        let start = self.write_buffer.len();
        encode::head(&response, framing, persistence, &mut self.write_buffer);
        self.sent_head = start..self.write_buffer.len();

        let status = response.status();
        let body = if has_body {
            response.into_body()
        } else {
            Body::Empty
        };
        let outcome = self.send_body(body, framing).await;
        match &outcome {
            Err(error) if error.nothing_sent() => self.sent_head = 0..0,
            Err(_) => {
                self.state = ConnectionState::Cut;
                if framing == ResponseFraming::Close {
                    self.stream.abort();
                }
            }
            Ok(_) => {
                if !persistent {
                    self.state = ConnectionState::Closing;
                }
                if self.feeder.as_ref().is_some_and(BodyFeeder::is_at_end) {
                    self.feeder = None;
                }
            }
        }
        Ok(Sent {
            status,
            body_bytes: outcome?,
        })
    }

    /// Refuses a request: sends the error response for `reject` and makes the request the last one.
    ///
    /// # Errors
    ///
    /// If the response could not be sent.
    pub async fn reject(&mut self, reject: &Reject) -> Result<Sent, SendError> {
        self.finishing = true;
        self.respond(Response::error(reject.status())).await
    }

    fn check_size(&self, response: &Response) -> Result<(), SendError> {
        let max = self.limits.max_head;
        if trailers::size(response.fields()) <= max {
            Ok(())
        } else {
            Err(SendError::Invalid(InvalidResponse::FieldsTooLarge { max }))
        }
    }
}

/// A size in bytes that holds most response heads.
const TYPICAL_HEAD: usize = 512;
