//! Name lookups. The resolver of the system blocks its thread and cannot be cancelled, so the threads that wait for it are
//! bounded, for each handler and for all handlers together.
//!
//! Handlers wait for a thread in the order in which they came, each with few lookups at once. So a handler whose name
//! server is slow does not delay the others.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The lookups of a handler.
#[derive(Clone)]
pub(crate) struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_OF_HANDLER)))
    }
}

impl Lookups {
    /// Runs a lookup on a thread where it may block.
    ///
    /// # Errors
    ///
    /// If the lookup panics.
    pub async fn run<T: Send + 'static>(
        &self,
        lookup: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let turn = self.0.clone().acquire_owned().await;
        let thread = THREADS.acquire().await;
        // The closure owns both permits, so they become free only with the thread.
        let running = tokio::task::spawn_blocking(move || {
            let _permits = (turn, thread);
            lookup()
        });
        running.await.map_err(std::io::Error::other)
    }
}

/// The most threads that wait for the resolver, for all handlers together.
static THREADS: Semaphore = Semaphore::const_new(64);

/// The most lookups of one handler at once.
const LOOKUPS_OF_HANDLER: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_handler_with_a_slow_name_server_does_not_delay_another() {
        let slow = Lookups::default();
        let (release, answers) = mpsc::channel::<()>();
        let answers = Arc::new(Mutex::new(answers));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (slow, answers) = (slow.clone(), answers.clone());
            waiting.spawn(async move { slow.run(move || answers.lock().unwrap().recv()).await });
        }
        while slow.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        Lookups::default().run(|| ()).await.unwrap();
        for _ in 0..100 {
            release.send(()).unwrap();
        }
        while let Some(done) = waiting.join_next().await {
            done.unwrap().unwrap().unwrap();
        }
    }
}
