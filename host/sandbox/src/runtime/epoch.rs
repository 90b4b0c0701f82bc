//! The ticking clock by which running guests are interrupted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::admission::Places;

/// Time between two epochs. A guest that keeps a thread busy is interrupted after one to two of them.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Increments the engines' epochs every [`TICK`] for as long as guests run.
///
/// An OS thread, never a task: guests that keep every worker busy must not be able to stop the clock.
/// With no guest about it sleeps, so that an idle server wakes nobody.
pub(crate) struct Ticker {
    thread: Thread,
    parked: Arc<AtomicBool>,
    second: Arc<OnceLock<wasmtime::EngineWeak>>,
}

impl Ticker {
    /// All `places` are free exactly when no guest runs.
    pub fn start(engine: &wasmtime::Engine, places: [&Arc<Places>; 2]) -> std::io::Result<Self> {
        let parked = Arc::new(AtomicBool::new(false));
        let (engine, places) = (engine.weak(), places.map(Arc::downgrade));
        let flag = parked.clone();
        let second: Arc<OnceLock<wasmtime::EngineWeak>> = Arc::default();
        let other = second.clone();
        let handle = thread::Builder::new()
            .name("epoch".into())
            .spawn(move || tick(&engine, &other, &places, &flag))?;
        Ok(Self {
            thread: handle.thread().clone(),
            parked,
            second,
        })
    }

    /// Has the clock tick for a second engine, too.
    pub fn add(&self, engine: &wasmtime::Engine) {
        // There is no third.
        let _ = self.second.set(engine.weak());
    }

    /// Called when a guest is about to run.
    pub fn wake(&self) {
        if self.parked.load(Ordering::Relaxed) {
            self.parked.store(false, Ordering::Relaxed);
            self.thread.unpark();
        }
    }
}

fn tick(
    engine: &wasmtime::EngineWeak,
    second: &OnceLock<wasmtime::EngineWeak>,
    places: &[Weak<Places>; 2],
    parked: &AtomicBool,
) {
    let mut idle_ticks = 0;
    // Ends with the engine.
    while let (Some(engine), [Some(places), Some(probes)]) =
        (engine.upgrade(), places.each_ref().map(Weak::upgrade))
    {
        engine.increment_epoch();
        if let Some(second) = second.get().and_then(wasmtime::EngineWeak::upgrade) {
            second.increment_epoch();
        }
        idle_ticks = if places.are_all_free() && probes.are_all_free() {
            idle_ticks + 1
        } else {
            0
        };
        if idle_ticks < IDLE_TICKS {
            thread::sleep(TICK);
        } else {
            parked.store(true, Ordering::Relaxed);
            drop((engine, places, probes));
            // With a time limit, so that a wake-up that crosses this store is only late and never lost.
            thread::park_timeout(PARKED);
        }
    }
}

/// Ticks without a guest before the clock sleeps.
const IDLE_TICKS: u32 = 1000;

/// The longest that a guest which starts just as the clock goes to sleep may run unwatched.
const PARKED: Duration = Duration::from_millis(100);
