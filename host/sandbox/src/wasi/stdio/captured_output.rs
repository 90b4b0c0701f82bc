//! What a guest writes while it answers a request, kept for its developer.

use std::sync::{Arc, Mutex, PoisonError};

/// The guest's standard output and error during one request, in the order of writing: the first [`MOST`] bytes.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<u8>>>);

impl Transcript {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn write(&self, bytes: &[u8]) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST.saturating_sub(written.len()).min(bytes.len());
        written.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// Writes what an instance says to the transcript of the request under way.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<Transcript>>);

impl Recorder {
    pub fn new(transcript: Transcript) -> Self {
        Self(Arc::new(Mutex::new(transcript)))
    }

    /// From here on it is another request's.
    pub fn turn_to(&self, transcript: Transcript) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = transcript;
    }

    pub fn write(&self, bytes: &[u8]) {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.write(bytes);
    }
}

/// Bytes.
const MOST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_own() {
        let (first, second) = (Transcript::default(), Transcript::default());
        let recorder = Recorder::new(first.clone());
        recorder.write(b"one");
        recorder.turn_to(second.clone());
        recorder.write(b"two\n");
        recorder.write(b"three");
        assert_eq!(
            (first.text(), second.text()),
            ("one".into(), "two\nthree".into())
        );
    }

    #[test]
    fn it_is_bounded() {
        let transcript = Transcript::default();
        for _ in 0..3 {
            transcript.write(&[b'x'; MOST - 1]);
        }
        assert_eq!(transcript.text().len(), MOST);
    }
}
