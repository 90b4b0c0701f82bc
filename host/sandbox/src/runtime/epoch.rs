//! The epoch clock, which interrupts running guests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use super::engines::OTHERS;

/// Time between two epochs. A guest that keeps its thread busy is interrupted after one to two of them.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Increments the engines' epochs every [`TICK`] for as long as guests run.
///
/// The clock is an OS thread, not a task: guests that keep every worker thread busy must not be able to stop it.
/// It sleeps while no guest runs, so that an idle server uses no CPU.
pub(crate) struct Ticker {
    thread: Thread,
    parked: Arc<AtomicBool>,
    others: Arc<OtherEngines>,
}

/// The engines that start later.
type OtherEngines = [OnceLock<wasmtime::EngineWeak>; OTHERS];

impl Ticker {
    /// `is_idle` tells whether no guest runs, and None once the server has ended.
    pub fn start(
        engine: &wasmtime::Engine,
        is_idle: impl Fn() -> Option<bool> + Send + 'static,
    ) -> std::io::Result<Self> {
        let parked = Arc::new(AtomicBool::new(false));
        let engine = engine.weak();
        let flag = parked.clone();
        let others: Arc<OtherEngines> = Arc::default();
        let later = others.clone();
        let handle = thread::Builder::new()
            .name("epoch".into())
            .spawn(move || tick(&engine, &later, is_idle, &flag))?;
        Ok(Self {
            thread: handle.thread().clone(),
            parked,
            others,
        })
    }

    /// Makes the clock tick for another engine too. There is a place for each engine.
    pub fn add(&self, engine: &wasmtime::Engine) {
        let _ =
            self.others
                .iter()
                .try_fold(engine.weak(), |engine, place| match place.set(engine) {
                    Ok(()) => Err(()),
                    Err(engine) => Ok(engine),
                });
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
    others: &OtherEngines,
    is_idle: impl Fn() -> Option<bool>,
    parked: &AtomicBool,
) {
    let mut idle_ticks = 0;
    while let (Some(engine), Some(idle)) = (engine.upgrade(), is_idle()) {
        engine.increment_epoch();
        for other in others.iter().filter_map(OnceLock::get) {
            if let Some(other) = other.upgrade() {
                other.increment_epoch();
            }
        }
        idle_ticks = if idle { idle_ticks + 1 } else { 0 };
        if idle_ticks < IDLE_TICKS {
            thread::sleep(TICK);
        } else {
            parked.store(true, Ordering::Relaxed);
            drop(engine);
            // The time limit makes a wake-up that crosses the store above late instead of lost.
            thread::park_timeout(PARKED);
        }
    }
}

/// Ticks without a guest before the clock sleeps.
const IDLE_TICKS: u32 = 1000;

/// The longest time that a guest may run without a tick if it starts just when the clock goes to sleep.
const PARKED: Duration = Duration::from_millis(100);
