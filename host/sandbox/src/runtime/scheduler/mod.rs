//! The scheduler: which guest runs next, and on which threads.
//!
//! A guest starts in the fast lane: on the thread that read its request, so that nothing stands between the request and
//! the answer. A guest that keeps this thread busy for two ticks of the epoch, or for ten ticks in many small pieces, moves
//! to the slow lane. The slow lane has threads of its own with a low priority, so that other requests are not delayed.
//!
//! Both lanes are fair. Where more guests could run than there are threads, the next one is of the handler that used the
//! least CPU time, and of that handler's client that used the least.
//!
//! - [`execution`] runs a guest and moves it.
//! - [`meter`] counts its CPU time and decides at each tick; [`clock`] measures.
//! - [`fast_lane`] lets guests run at once, or queues them; [`turn`] knows how much of a thread each handler used.
//! - [`slow_lane`] lets as many guests run as there are [`slow_threads`].
//! - [`lane`] has the queue of a lane; [`run_queue`] orders it, by [`virtual_time`].
//! - [`cpu_share`] is what a handler has of all this.

mod clock;
pub(crate) mod cpu_share;
pub(crate) mod execution;
pub(crate) mod fast_lane;
mod lane;
pub(crate) mod meter;
mod run_queue;
mod slow_lane;
mod slow_threads;
mod turn;
mod virtual_time;
