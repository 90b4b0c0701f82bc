//! Captured output: what a guest writes during one request, for its developer.

use std::sync::{Arc, Mutex, PoisonError};

/// The standard output and error of a guest during one request, in the order of writing, up to [`MAX`] bytes.
#[derive(Clone, Default)]
pub(crate) struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

impl CapturedOutput {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn write(&self, bytes: &[u8]) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX.saturating_sub(written.len()).min(bytes.len());
        written.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// Writes the output of an instance to the captured output of its current request.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Mutex<CapturedOutput>>);

impl Recorder {
    pub fn new(output: CapturedOutput) -> Self {
        Self(Arc::new(Mutex::new(output)))
    }

    /// Switches to the next request.
    pub fn turn_to(&self, output: CapturedOutput) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = output;
    }

    pub fn write(&self, bytes: &[u8]) {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.write(bytes);
    }
}

/// The most bytes that are captured for each request.
const MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_each_request_separately() {
        let (first, second) = (CapturedOutput::default(), CapturedOutput::default());
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
    fn captures_a_bounded_number_of_bytes() {
        let output = CapturedOutput::default();
        for _ in 0..3 {
            output.write(&[b'x'; MAX - 1]);
        }
        assert_eq!(output.text().len(), MAX);
    }
}
