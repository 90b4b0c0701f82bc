//! The threads of the slow lane, which have a low priority.

use std::sync::OnceLock;

use tokio::runtime::Runtime;

use crate::thread::lower_priority;

/// The threads of the slow lane. They start when the first guest needs them.
pub(super) struct SlowThreads {
    threads: usize,
    /// None once the system could not start them.
    runtime: OnceLock<Option<Runtime>>,
}

impl SlowThreads {
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            runtime: OnceLock::new(),
        }
    }

    /// The runtime of the slow lane. None if the system cannot start threads; the guest then stays in the fast lane.
    pub fn runtime(&self) -> Option<&Runtime> {
        self.runtime
            .get_or_init(|| {
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(self.threads)
                    .thread_name("slow-lane")
                    .on_thread_start(lower_priority)
                    .enable_all()
                    .build()
                    .inspect_err(|error| {
                        // Here, so that the log has one line and not one for each guest.
                        tracing::error!(
                            "cannot start threads for long-running handlers: {error}; they stay on the threads that \
                             serve all requests; raise `ulimit -u`"
                        );
                    })
                    .ok()
            })
            .as_ref()
    }
}

impl Drop for SlowThreads {
    fn drop(&mut self) {
        if let Some(Some(runtime)) = self.runtime.take() {
            // Dropping a runtime waits for its threads, which is not allowed within another runtime.
            runtime.shutdown_background();
        }
    }
}
